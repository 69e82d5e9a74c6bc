// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// The consumer has a CRD of the same name: it is left alone with its objects, and when it goes the binding goes on.
func TestForeignCRDIsLeftAlone(t *testing.T) {
	p, err := pair.Start(t.Context(), pair.Options{LogDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	crd, err := pair.Example(t.Context(), "crd-cowboys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template, err := pair.Example(t.Context(), "template-cowboys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.ApplyTemplate(t.Context(), crd, template), p.Consumer.Apply(t.Context(), crd)); err != nil {
		t.Fatal(err)
	}
	own := expect.Cowboy("default", "own")
	expect.Eventually(t, "the consumer's own API should be served", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(p.Consumer.Client.Create(ctx, own.DeepCopy()))
	})
	identity, err := p.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	place, err := p.Request(t.Context(), "cowboys", "cowboys", identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.SaveKubeconfig(t.Context(), "cowboys", place.Kubeconfig), p.CreateBinding(t.Context(), "cowboys", "cowboys")); err != nil {
		t.Fatal(err)
	}
	b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonForeignCustomResourceDefinition)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonForeignCustomResourceDefinition)
	foreign := &apiextensionsv1.CustomResourceDefinition{}
	if err := p.Consumer.Client.Get(t.Context(), client.ObjectKey{Name: "cowboys.wildwest.dev"}, foreign); err != nil || len(foreign.OwnerReferences) > 0 {
		t.Errorf("the CRD was touched: %v %v", foreign.OwnerReferences, err)
	}
	if o := expect.Exists(t, p.Consumer, own); len(o.GetFinalizers()) > 0 {
		t.Error("an object of the foreign API has a finalizer")
	}
	expect.Delete(t, p.Consumer, foreign)
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	expect.Create(t, p.Consumer, expect.Cowboy("default", "bound"))
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-default", "bound"))
}

// SEC-18: a namespace of the provider that has the name by chance is neither used nor deleted.
func TestSEC18ForeignProviderNamespaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	ns := "taken"
	foreign := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there(ns)}}
	expect.Create(t, world.Provider, foreign)
	expect.Namespace(t, world.Consumer, ns)
	here := expect.Cowboy(ns, "billy")
	expect.Create(t, world.Consumer, here)
	expect.Event(t, world.Consumer, here, kubebindv1alpha2.ReasonNamespaceConflict)
	expect.Delete(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	expect.Gone(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	expect.Gone(t, world.Provider, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: world.place.Namespace, Name: ns}})
	expect.Never(t, "the provider's namespace must stay", func(ctx context.Context) error {
		have := &corev1.Namespace{}
		if err := world.Provider.Client.Get(ctx, keyOf(foreign), have); err != nil {
			return err
		}
		if have.DeletionTimestamp != nil || len(have.Annotations) > 0 {
			return errors.New("it was touched")
		}
		return nil
	})
}

// A consumer namespace that is going can finish, whatever its objects wait for, and asks for nothing new.
func TestTerminatingConsumerNamespaceFinishes(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "terminating")
	held := expect.Cowboy(ns, "held", func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"user.example.org/hold"}) })
	expect.Create(t, world.Consumer, held.DeepCopy())
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "held"))
	expect.Delete(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	// The copy goes although the object is held by somebody else.
	expect.Gone(t, world.Provider, expect.Cowboy(there(ns), "held"))
	expect.Change(t, world.Consumer, held, func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
	expect.Gone(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	expect.Gone(t, world.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there(ns)}})
	expect.Never(t, "no provider namespace may come back", func(ctx context.Context) error {
		if err := world.Provider.Client.Get(ctx, client.ObjectKey{Name: there(ns)}, &corev1.Namespace{}); !apierrors.IsNotFound(err) {
			return errors.Join(err, errors.New("it is not absent"))
		}
		return nil
	})
}
