// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// vault is an API server that has Secrets only, with the optimistic lock of a real one. Other calls than those below fail
// by the nil in it.
type vault struct {
	client.Client

	mu      sync.Mutex
	secrets map[types.NamespacedName]*corev1.Secret
	version int
	reads   int
	// failing is what every call returns, if it is not nil.
	failing error
	// meddle is called before each write, with the lock not held.
	meddle func()
}

func newVault() *vault { return &vault{secrets: map[types.NamespacedName]*corev1.Secret{}} }

func (v *vault) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads++
	have, found := v.secrets[name]
	switch {
	case v.failing != nil:
		return v.failing
	case !found:
		return apierrors.NewNotFound(corev1.Resource("secrets"), name.Name)
	}
	have.DeepCopyInto(into.(*corev1.Secret))
	return nil
}

func (v *vault) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return v.write(obj.(*corev1.Secret), func(_ *corev1.Secret, found bool) error {
		if found {
			return apierrors.NewAlreadyExists(corev1.Resource("secrets"), obj.GetName())
		}
		return nil
	})
}

func (v *vault) Update(_ context.Context, obj client.Object, _ ...client.UpdateOption) error {
	return v.write(obj.(*corev1.Secret), func(have *corev1.Secret, found bool) error {
		switch {
		case !found:
			return apierrors.NewNotFound(corev1.Resource("secrets"), obj.GetName())
		case have.ResourceVersion != obj.GetResourceVersion():
			return apierrors.NewConflict(corev1.Resource("secrets"), obj.GetName(), errors.New("it was changed"))
		}
		return nil
	})
}

func (v *vault) write(secret *corev1.Secret, check func(have *corev1.Secret, found bool) error) error {
	if v.meddle != nil {
		v.meddle()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failing != nil {
		return v.failing
	}
	have, found := v.secrets[client.ObjectKeyFromObject(secret)]
	if err := check(have, found); err != nil {
		return err
	}
	v.version++
	secret.ResourceVersion = strconv.Itoa(v.version)
	v.secrets[client.ObjectKeyFromObject(secret)] = secret.DeepCopy()
	return nil
}

func (v *vault) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failing = err
}

// lose forgets all Secrets.
func (v *vault) lose() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets = map[types.NamespacedName]*corev1.Secret{}
}

func (v *vault) data(name types.NamespacedName) map[string][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if secret := v.secrets[name]; secret != nil {
		return secret.DeepCopy().Data
	}
	return nil
}

// keysName is where keys of tests are.
func keysName() types.NamespacedName {
	return types.NamespacedName{Namespace: "kube-bind", Name: "keys"}
}

// replica is what one process has.
type replica struct {
	*sealer
	keys *Keys
}

func newReplica(v *vault, c *clock) replica {
	keys := NewKeys(v, v, KeyOptions{Secret: keysName(), Rotation: 24 * time.Hour, Lifetime: time.Hour, Now: c.now})
	return replica{sealer: &sealer{keys: keys, now: c.now}, keys: keys}
}

// note is something to seal.
type note struct {
	Text string `json:"text"`
}

func (r replica) sealNote(t *testing.T, as kind, text string, lifetime time.Duration) string {
	t.Helper()
	out, err := r.seal(t.Context(), as, note{Text: text}, r.now().Add(lifetime))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// opens wants a note back.
func (r replica) opens(t *testing.T, as kind, sealed, text string) {
	t.Helper()
	var got note
	if err := r.open(t.Context(), as, sealed, &got); err != nil || got.Text != text {
		t.Errorf("got %q, %v", got.Text, err)
	}
}

// refuses wants that nothing is read.
func (r replica) refuses(t *testing.T, as kind, sealed string) {
	t.Helper()
	var got note
	if err := r.open(t.Context(), as, sealed, &got); !errors.Is(err, ErrNotOurs) || got.Text != "" {
		t.Errorf("got %q, %v", got.Text, err)
	}
}
