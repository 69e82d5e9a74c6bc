// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// W19, W20: bindings are deleted while the provider is away. Their objects wait, and the bindings say for what; one that is
// forced ends at once, and what it had at the provider stays. When the provider is back, the other one ends as if nothing
// had been.
func TestUnbindingWhileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	p, place := ownPair(t)
	kind, err := p.BindVariant(t.Context(), "llamas")
	if err != nil {
		t.Fatal(err)
	}
	llamas := api{"llamas", kind}
	ns := expect.Namespace(t, p.Consumer, "leaving")
	there := place.Namespace + "-" + ns
	cowboy, llama := expect.Cowboy(ns, "billy"), llamas.object(ns, "dolly")
	expect.Create(t, p.Consumer, cowboy)
	expect.Create(t, p.Consumer, llama)
	expect.Exists(t, p.Provider, expect.Cowboy(there, "billy"))
	left := expect.Exists(t, p.Provider, llamas.object(there, "dolly"))
	if err := p.Provider.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	bindings := map[string]*kubebindv1alpha2.APIServiceBinding{}
	for _, name := range []string{"cowboys", "llamas"} {
		waitBinding(t, p, name, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonProviderUnreachable)
		bindings[name] = &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
		expect.Delete(t, p.Consumer, bindings[name])
		b := waitBinding(t, p, name, kubebindv1alpha2.ConditionDraining, metav1.ConditionTrue, kubebindv1alpha2.ReasonUnbindingBlocked)
		expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonUnbindingBlocked)
	}
	force := bindings["llamas"]
	if err := p.Consumer.Client.Get(t.Context(), keyOf(force), force); err != nil {
		t.Fatal(err)
	}
	metav1.SetMetaDataAnnotation(&force.ObjectMeta, kubebindv1alpha2.ForceUnbindAnnotation, "true")
	if err := p.Consumer.Client.Update(t.Context(), force); err != nil {
		t.Fatal(err)
	}
	expect.Gone(t, p.Consumer, force)
	expect.Exists(t, p.Consumer, cowboy)

	if err := p.Provider.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect.Gone(t, p.Consumer, bindings["cowboys"])
	expect.Gone(t, p.Provider, expect.Cowboy(there, "billy"))
	if o := expect.Exists(t, p.Provider, llamas.object(there, "dolly")); o.GetUID() != left.GetUID() {
		t.Error("the copy that was left is another one")
	}
}
