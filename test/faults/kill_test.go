// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// The konnector dies between the two writes of a create, and between the two of a delete. Whatever the user does
// meanwhile, and although the provider is away when the next one starts, that one finishes it.
func TestKonnectorKilledBetweenTwoWrites(t *testing.T) {
	t.Parallel()
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "killed")
	providerNS := place.Namespace + "-" + ns
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "first"))
	held := expect.Exists(t, p.Provider, expect.Cowboy(providerNS, "first"))

	// A copy that is held by the provider's own finalizer: the konnector has deleted it, and not released the object.
	expect.Change(t, p.Provider, held, finalizers("service.example.org/hold"))
	expect.Delete(t, p.Consumer, expect.Cowboy(ns, "first"))
	expect.Eventually(t, "the copy should be terminating", func(ctx context.Context) error {
		o, err := expect.Get(ctx, p.Provider, held)
		if err == nil && o.GetDeletionTimestamp() == nil {
			err = errors.New("it is not")
		}
		return err
	})
	// Objects whose copies the provider does not admit: the konnector has written the finalizer, and not the copy.
	notYet := policy{"not-yet", "wildwest.dev", "cowboys", "CREATE", "!(object.metadata.name in ['kept', 'deleted'])"}
	probe := dryCreate(p.Provider, expect.Cowboy("default", "kept"))
	notYet.put(t, p.Provider, probe)
	for _, name := range []string{"kept", "deleted"} {
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		finalized(t, p.Consumer, expect.Cowboy(ns, name))
	}
	if err := p.Konnector().Kill(); err != nil {
		t.Fatal(err)
	}
	notYet.lift(t, p.Provider, probe)
	expect.Delete(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	expect.Change(t, p.Provider, held, finalizers())
	expect.Gone(t, p.Provider, held)
	if err := p.Provider.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := p.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonProviderUnreachable)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonProviderUnreachable)
	for _, name := range []string{"first", "deleted"} {
		if _, err := expect.Get(t.Context(), p.Consumer, expect.Cowboy(ns, name)); err != nil {
			t.Errorf("%s was released without a look at the provider: %v", name, err)
		}
	}
	if err := p.Provider.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect.Exists(t, p.Provider, expect.Cowboy(providerNS, "kept"))
	for _, name := range []string{"first", "deleted"} {
		expect.Gone(t, p.Consumer, expect.Cowboy(ns, name))
	}
	sameObjects(t, p, ns, providerNS)
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
}

func finalized(t *testing.T, side *pair.Side, like *unstructured.Unstructured) {
	t.Helper()
	expect.Eventually(t, like.GetName()+" should have the finalizer", func(ctx context.Context) error {
		o, err := expect.Get(ctx, side, like)
		if err == nil && !slices.Contains(o.GetFinalizers(), kubebindv1alpha2.SyncerFinalizer) {
			err = errors.New("it has not")
		}
		return err
	})
}
