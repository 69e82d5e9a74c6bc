// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// outage is how long the provider is away.
const outage = 30 * time.Second

// The provider is away for half a minute while objects change: all of it arrives, and nothing else happens.
func TestProviderOutage(t *testing.T) {
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "outage")
	providerNS := place.Namespace + "-" + ns
	for _, name := range []string{"kept", "changed", "deleted"} {
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, name))
	}
	away := time.Now()
	if err := p.Provider.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonProviderUnreachable)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonProviderUnreachable)
	const created = 10
	for i := range created {
		expect.Create(t, p.Consumer, expect.Cowboy(ns, fmt.Sprintf("created-%d", i)))
	}
	expect.Change(t, p.Consumer, expect.Cowboy(ns, "changed"), expect.Set("new", "spec", "intent"))
	expect.Delete(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	// The length of the outage is what is tested, and the deleted object must wait all the time.
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, outage-time.Since(away), true, func(ctx context.Context) (bool, error) {
		_, err := expect.Get(ctx, p.Consumer, expect.Cowboy(ns, "deleted"))
		return false, err
	})
	if !wait.Interrupted(err) {
		t.Fatalf("the object went before its copy: %v", err)
	}
	if err := p.Provider.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect.ChangeStatus(t, p.Provider, expect.Cowboy(providerNS, "kept"), expect.Set("back", "status", "result"))

	for i := range created {
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, fmt.Sprintf("created-%d", i)))
	}
	expect.Has(t, p.Provider, expect.Cowboy(providerNS, "changed"), "new", "spec", "intent")
	expect.Has(t, p.Consumer, expect.Cowboy(ns, "kept"), "back", "status", "result")
	expect.Gone(t, p.Provider, expect.Cowboy(providerNS, "deleted"))
	expect.Gone(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	copies := &unstructured.UnstructuredList{}
	copies.SetGroupVersionKind(expect.Cowboy("", "").GroupVersionKind())
	if err := p.Provider.Client.List(t.Context(), copies); err != nil || len(copies.Items) != created+2 {
		t.Errorf("there are %d copies, want %d: %v", len(copies.Items), created+2, err)
	}
}

// The consumer's own API server goes and comes back. The konnector may end, as it does without its lease; restarted, it
// goes on.
func TestConsumerOutage(t *testing.T) {
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "outage")
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "before"))
	copied := expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "before"))
	if err := p.Consumer.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	expect.ChangeStatus(t, p.Provider, copied, expect.Set("meanwhile", "status", "result"))
	// Without its cluster a leader gives up within the renew deadline of its lease.
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	if err := p.Konnector().Wait(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the konnector ended with %v, not with an error", err)
	}
	if err := p.Consumer.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	expect.Has(t, p.Consumer, expect.Cowboy(ns, "before"), "meanwhile", "status", "result")
	if o := expect.Exists(t, p.Provider, copied); o.GetUID() != copied.GetUID() {
		t.Error("the copy was replaced")
	}
	if err := p.Consumer.Client.Get(t.Context(), client.ObjectKey{Name: "cowboys"}, &kubebindv1alpha2.APIServiceBinding{}); err != nil {
		t.Error(err)
	}
}
