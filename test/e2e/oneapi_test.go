// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

const (
	corrals = "corrals.wildwest.dev"
	// east is the second provider of corrals; its binding is called otherwise, since both exports have the same name.
	east      = "east"
	inTheEast = "corrals-of-the-east"
	// barns are offered by both, with schemas that do not go together.
	barns = "barns.wildwest.dev"
)

// shared is one API from two providers.
type shared struct {
	consumer    *pair.Pair
	first, east claimable
}

func shareCorrals(t *testing.T, a, b *pair.Pair) shared {
	t.Helper()
	names := like("corrals", "corral", "Corral")
	for _, p := range []*pair.Pair{a, b} {
		expect.Create(t, p.Provider, parsed(t, names.Replace(ranchCRD)))
		expect.Create(t, p.Provider, parsed(t, names.Replace(ranchTemplate)))
	}
	s := shared{consumer: a, first: claimable{Pair: a, place: bind(t, a, corrals)}}
	expect.Namespace(t, a.Consumer, "herd")
	return s
}

// join binds the API from the second provider.
func (s *shared) join(t *testing.T, b *pair.Pair) {
	t.Helper()
	second := binding(inTheEast)
	second.Spec.ExportName, second.Spec.ProviderName = corrals, east
	place := bindFrom(t, s.consumer, b, corrals, second)
	s.east = claimable{Pair: between(t, s.consumer, b), place: place}
	waitReady(t, s.consumer, inTheEast)
}

func corral(name string, modifiers ...expect.Modifier) *unstructured.Unstructured {
	o := ranch("herd", name, modifiers...)
	o.SetKind("Corral")
	return o
}

func goesTo(provider string) expect.Modifier {
	return expect.Set(provider, "metadata", "annotations", kubebindv1alpha2.ProviderAnnotation)
}

// with waits until one provider has the copy, and sees that the other has not.
func (s *shared) with(t *testing.T, has, hasNot claimable, o *unstructured.Unstructured) {
	t.Helper()
	expect.Exists(t, has.Provider, at(o, has.there(o.GetNamespace())))
	if _, err := expect.Get(t.Context(), hasNot.Provider, at(o, hasNot.there(o.GetNamespace()))); err == nil {
		t.Errorf("the other provider has %s too", o.GetName())
	}
}

func (s *shared) owners(t *testing.T, want string) {
	t.Helper()
	expect.Eventually(t, "the CRD should be for "+want, func(ctx context.Context) error {
		have := crd("corrals")
		if err := s.consumer.Consumer.Client.Get(ctx, client.ObjectKeyFromObject(have), have); err != nil {
			return err
		}
		var got []string
		for _, ref := range have.OwnerReferences {
			got = append(got, ref.Name)
		}
		if controller := metav1.GetControllerOf(have); controller == nil || strings.Join(got, " ") != want {
			return fmt.Errorf("it is for %v, led by %v", got, controller)
		}
		return nil
	})
}

// The first binding brings the CRD, the second joins. Each object says where it goes, by its own annotation or its
// namespace's, or the default is taken; what says nothing waits, and an Event says so. What is with a provider stays there.
func oneAPI(t *testing.T, a, b *pair.Pair) {
	s := shareCorrals(t, a, b)
	before := corral("before")
	expect.Create(t, a.Consumer, before)
	expect.Exists(t, a.Provider, at(before, s.first.there("herd")))
	s.join(t, b)
	s.owners(t, corrals+" "+inTheEast)
	s.routes(t, before)
	s.keepsReferences(t)
	s.unbindsFirst(t, before)
}

func (s *shared) routes(t *testing.T, before *unstructured.Unstructured) {
	consumer := s.consumer.Consumer
	nobodys, named, wrong := corral("nobodys"), corral("named", goesTo(east)), corral("wrong", goesTo("west"))
	for _, o := range []*unstructured.Unstructured{nobodys, named, wrong} {
		expect.Create(t, consumer, o)
	}
	expect.Event(t, consumer, nobodys, routing.ReasonProviderNotNamed)
	expect.Event(t, consumer, wrong, routing.ReasonProviderNotBound)
	s.with(t, s.east, s.first, named)
	expect.ChangeStatus(t, s.east.Provider, at(named, s.east.there("herd")), expect.Set(map[string]any{"phase": "Up"}, "status"))
	expect.Has(t, consumer, named, "Up", "status", "phase")

	eastern := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "prairie"}}}
	goesTo(east)(eastern)
	expect.Create(t, consumer, eastern)
	inNamespace := at(corral("in-namespace"), "prairie")
	expect.Create(t, consumer, inNamespace)
	s.with(t, s.east, s.first, inNamespace)

	for _, o := range []*unstructured.Unstructured{nobodys, wrong} {
		stays(t, s.first.Provider, at(o, s.first.there("herd")))
		stays(t, s.east.Provider, at(o, s.east.there("herd")))
	}
	s.change(t, corrals, func(b *kubebindv1alpha2.APIServiceBinding) { b.Spec.DefaultProvider = true })
	s.with(t, s.first, s.east, nobodys)

	expect.Change(t, consumer, before, goesTo(east), expect.Set("changed", "spec", "intent"))
	expect.Event(t, consumer, before, routing.ReasonProviderFixed)
	expect.Has(t, s.first.Provider, at(before, s.first.there("herd")), "changed", "spec", "intent")
	s.with(t, s.first, s.east, before)
}

func (s *shared) change(t *testing.T, name string, modify func(*kubebindv1alpha2.APIServiceBinding)) {
	t.Helper()
	expect.Eventually(t, "the binding should be changed", func(ctx context.Context) error {
		b := binding(name)
		if err := s.consumer.Consumer.Client.Get(ctx, keyOf(b), b); err != nil {
			return err
		}
		modify(b)
		return s.consumer.Consumer.Client.Update(ctx, b)
	})
}

// W4: what an object refers to goes where the object goes, and nowhere else.
func (s *shared) keepsReferences(t *testing.T) {
	secret := core("Secret", "herd", "keys-of-the-east", "secret")
	expect.Create(t, s.consumer.Consumer, secret)
	o := corral("with-keys", goesTo(east), expect.Set(map[string]any{"name": secret.GetName()}, "spec", "secretRef"))
	expect.Create(t, s.consumer.Consumer, o)
	s.east.up(t, secret, "secret")
	s.first.notUp(t, secret)
}

// Unbinding takes away what goes with the binding, and leaves the CRD and the rest to the other, which goes on with it.
func (s *shared) unbindsFirst(t *testing.T, before *unstructured.Unstructured) {
	consumer := s.consumer.Consumer
	uid := expect.Exists(t, consumer, corral("named")).GetUID()
	held := corral("held")
	expect.Create(t, consumer, held)
	expect.Change(t, s.first.Provider, at(held, s.first.there("herd")), expect.Set([]any{"example.org/mine"}, "metadata", "finalizers"))
	expect.Delete(t, consumer, binding(corrals))
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	if _, err := s.consumer.WaitBinding(ctx, corrals, kubebindv1alpha2.ConditionDraining, metav1.ConditionTrue, ""); err != nil {
		t.Fatal(err)
	}
	late := corral("late", goesTo(corrals))
	expect.Create(t, consumer, late)
	expect.Event(t, consumer, late, routing.ReasonProviderLeaving)
	expect.Change(t, s.first.Provider, at(held, s.first.there("herd")), expect.Unset("metadata", "finalizers"))

	expect.Gone(t, consumer, binding(corrals))
	s.owners(t, inTheEast)
	for _, o := range []*unstructured.Unstructured{before, corral("nobodys"), held} {
		expect.Gone(t, consumer, o)
		expect.Gone(t, s.first.Provider, at(o, s.first.there("herd")))
	}
	s.with(t, s.east, s.first, corral("named"))
	if got := expect.Exists(t, consumer, corral("named")).GetUID(); got != uid {
		t.Errorf("it was made anew")
	}
	after := corral("after")
	expect.Create(t, consumer, after)
	s.with(t, s.east, s.first, after)
	expect.Has(t, s.east.Provider, at(after, s.east.there("herd")), s.east.place.Namespace, "metadata", "annotations", kubebindv1alpha2.ClusterNamespaceAnnotation)

	expect.Delete(t, consumer, binding(inTheEast))
	expect.Gone(t, consumer, binding(inTheEast))
	expect.Gone(t, consumer, crd("corrals"))
	expect.Gone(t, s.east.Provider, at(after, s.east.there("herd")))
}

// A provider whose schema does not allow what the CRD allows cannot join. It is told so, with the path, and the first one's
// objects go on.
func incompatible(t *testing.T, a, b *pair.Pair) *pair.Place {
	names := like("barns", "barn", "Barn")
	narrow := strings.NewReplacer("spec: {type: object, x-kubernetes-preserve-unknown-fields: true}", "spec: {type: object, properties: {intent: {type: string, maxLength: 3}}}")
	expect.Create(t, a.Provider, parsed(t, names.Replace(ranchCRD)))
	expect.Create(t, a.Provider, parsed(t, names.Replace(ranchTemplate)))
	expect.Create(t, b.Provider, parsed(t, narrow.Replace(names.Replace(ranchCRD))))
	expect.Create(t, b.Provider, parsed(t, names.Replace(ranchTemplate)))
	place := bind(t, a, barns)
	second := binding("barns-b")
	second.Spec.ExportName = barns
	bindFrom(t, a, b, barns, second)
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	have, err := a.WaitBinding(ctx, second.Name, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonSchemaIncompatible)
	if err != nil {
		t.Fatal(err)
	}
	message := kubebindv1alpha2.FindCondition(have.Status.Conditions, kubebindv1alpha2.ConditionSchemaInSync).Message
	if !strings.Contains(message, "spec.versions[v1].schema.openAPIV3Schema.properties[spec]") || !strings.Contains(message, barns) {
		t.Errorf("it says %q", message)
	}
	expect.Namespace(t, a.Consumer, "farm")
	o := ranch("farm", "big")
	o.SetKind("Barn")
	expect.Create(t, a.Consumer, o)
	expect.Exists(t, a.Provider, at(o, place.There("farm")))
	expect.Delete(t, a.Consumer, second)
	expect.Gone(t, a.Consumer, second)
	expect.Exists(t, a.Provider, at(o, place.There("farm")))
	return place
}
