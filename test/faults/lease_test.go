// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// W1: a konnector whose lease is taken away ends, with an error, and the one that has it goes on. Nothing is written
// twice.
func TestW1LostLeaseEndsTheKonnector(t *testing.T) {
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "lease")
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "before"))
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "before"))
	first := p.Konnector()
	if err := p.StartKonnector(); err != nil { // a second replica
		t.Fatal(err)
	}
	lease := &unstructured.Unstructured{}
	lease.SetAPIVersion(coordinationv1.SchemeGroupVersion.String())
	lease.SetKind("Lease")
	lease.SetNamespace("default")
	lease.SetName("kube-bind")
	expect.Change(t, p.Consumer, lease, func(o *unstructured.Unstructured) {
		have := &coordinationv1.Lease{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, have); err != nil {
			t.Fatal(err)
		}
		have.Spec.HolderIdentity = ptr.To("somebody else")
		changed, err := runtime.DefaultUnstructuredConverter.ToUnstructured(have)
		if err != nil {
			t.Fatal(err)
		}
		o.Object = changed
	})
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	if err := first.Wait(ctx); err == nil || ctx.Err() != nil {
		t.Fatalf("the konnector without a lease ended with %v, not with an error", err)
	}
	before := writes(t, p.Provider, "cowboys")
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "after"))
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "after"))
	if did := writes(t, p.Provider, "cowboys") - before; did != 1 {
		t.Errorf("the copy took %d writes", did)
	}
}

// A consumer cluster is made anew and given its predecessor's credential: what that one had is reported, and left alone.
func TestOtherClusterUnderTheSameCredential(t *testing.T) {
	p, place := ownPair(t)
	const ns = "inherited"
	copied := expect.Cowboy(place.Namespace+"-"+ns, "billy")
	expect.Namespace(t, p.Consumer, ns)
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "billy"))
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "unknown-there"))
	before := expect.Exists(t, p.Provider, copied)
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "unknown-there"))
	if err := p.Konnector().Stop(); err != nil {
		t.Fatal(err)
	}
	other, err := p.Neighbour(t.Context(), "successor")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := other.SaveKubeconfig(t.Context(), "cowboys", place.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	if err := other.CreateBinding(t.Context(), "cowboys", "cowboys"); err != nil {
		t.Fatal(err)
	}
	waitBinding(t, other, "cowboys", kubebindv1alpha2.ConditionReady, "True", "")
	expect.Namespace(t, other.Consumer, ns)
	here := expect.Cowboy(ns, "billy", expect.Set("other", "spec", "intent"))
	expect.Create(t, other.Consumer, here)
	expect.Event(t, other.Consumer, here, "OtherCluster")
	expect.Never(t, "the predecessor's copies must stay as they are", func(ctx context.Context) error {
		if _, err := expect.Get(ctx, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "unknown-there")); err != nil {
			return err
		}
		_, err := expect.Get(ctx, p.Provider, copied)
		return err
	})
	if o := expect.Exists(t, p.Provider, copied); o.GetResourceVersion() != before.GetResourceVersion() {
		t.Error("the predecessor's copy was written to")
	}
	expect.Delete(t, other.Consumer, here)
	expect.Gone(t, other.Consumer, here)
	expect.Exists(t, p.Provider, copied)
}
