// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"fmt"
	gosync "sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-bind.io/kube-bind/konnector/sync/guard"
)

// doubts are the objects whose last write to the provider got no answer, so that nobody knows whether it was done. The
// guard cannot know it either; planning on, a finalizer could go although the copy was made after all.
type doubts struct {
	mu    gosync.Mutex
	byKey map[types.NamespacedName]types.NamespacedName // consumer key to provider key
}

func newDoubts() *doubts {
	return &doubts{byKey: map[types.NamespacedName]types.NamespacedName{}}
}

func (d *doubts) add(consumer, provider types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byKey[consumer] = provider
}

func (d *doubts) get(consumer types.NamespacedName) (types.NamespacedName, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	provider, ok := d.byKey[consumer]
	return provider, ok
}

func (d *doubts) remove(consumer types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.byKey, consumer)
}

// settle reads what is at the provider, live, if the last write there got no answer. It is the one read per object that
// a Syncer ever makes, and only after a failure.
func (e *engine) settle(ctx context.Context, key types.NamespacedName) error {
	there, doubtful := e.doubts.get(key)
	if !doubtful {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	have, err := at(e.Provider.Resource(e.Resource), there).Get(ctx, there.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("reading what became of the last write: %w", err)
	default:
		e.guard.Wrote(key, guard.Provider, have.GetResourceVersion())
	}
	e.doubts.remove(key)
	return nil
}
