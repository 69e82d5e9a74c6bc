// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// unreadGrace is how long a manager gets to end that has not read all objects yet. It has nothing to finish.
const unreadGrace = 5 * time.Second

// start runs the manager until ctx ends, and what it has begun is finished. But a manager that still waits for the first objects, for
// want of a right for example, goes on waiting whatever its context says: there is an error then, with which the process has to end.
func (b *Backend) start(ctx context.Context) error {
	ended, read := make(chan error, 1), make(chan struct{})
	go func() { ended <- b.manager.Start(ctx) }()
	go func() {
		if b.manager.GetLocalManager().GetCache().WaitForCacheSync(ctx) {
			close(read)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-read:
		return <-ended
	case <-time.After(unreadGrace):
		return b.unread(context.WithoutCancel(ctx))
	}
}

// unread says what was not read. It does not wait for it.
func (b *Backend) unread(ctx context.Context) error {
	if b.opts.Provider != ProviderKubernetes {
		return errors.New("told to end before the objects that all depends on were read")
	}
	local := b.manager.GetLocalManager()
	var kinds []string
	for _, obj := range append(watched(), &apiextensionsv1.CustomResourceDefinition{}) {
		gvk, err := apiutil.GVKForObject(obj, local.GetScheme())
		if err != nil {
			return fmt.Errorf("told to end before all objects were read: %w", err)
		}
		informer, err := local.GetCache().GetInformer(ctx, obj, cache.BlockUntilSynced(false))
		if err != nil || !informer.HasSynced() {
			kinds = append(kinds, gvk.GroupKind().String())
		}
	}
	return fmt.Errorf("told to end before all objects were read: those of the kinds %s are missing, see above for what the API server says", strings.Join(kinds, ", "))
}
