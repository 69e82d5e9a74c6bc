// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// bindFrom lets the consumer of one pair bind a template of another one's provider, and waits for a condition.
func bindFrom(t *testing.T, consumer, provider *pair.Pair, template string, binding *kubebindv1alpha2.APIServiceBinding) *pair.Place {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*expect.Timeout)
	defer cancel()
	identity, err := consumer.Consumer.ClusterUID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	place, err := provider.Request(ctx, template, template, identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := consumer.SaveKubeconfig(ctx, binding.Name, place.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	binding.Spec.KubeconfigSecretRef = kubebindv1alpha2.ClusterSecretKeyRef{Namespace: kubebindv1alpha2.ConsumerNamespace,
		LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: binding.Name, Key: kubebindv1alpha2.KubeconfigSecretKey}}
	expect.Create(t, consumer.Consumer, binding)
	return place
}

// between is the consumer of one pair with the provider of another.
func between(t *testing.T, consumer, provider *pair.Pair) *pair.Pair {
	t.Helper()
	p, err := pair.Between(t.Context(), consumer, provider)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// like renames what is made for ranches.
func like(plural, singular, kind string) *strings.Replacer {
	return strings.NewReplacer("ranches", plural, "ranch", singular, "Ranch", kind)
}

func waitReady(t *testing.T, p *pair.Pair, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*expect.Timeout)
	defer cancel()
	if _, err := p.WaitBinding(ctx, name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, ""); err != nil {
		t.Fatal(err)
	}
}

// Two bindings to two providers, one in each informer scope, with different APIs and with the same. W4: what one of them may share stays between it and the consumer,
// though both claim objects of the same kind in the same namespace, and both know the consumer under the same identity.
func TestTwoProviders(t *testing.T) {
	t.Parallel()
	a, b := start(t), start(t, "--consumer-scope=cluster", "--isolation=prefixed")
	var place *pair.Place
	t.Run("bound", func(t *testing.T) {
		t.Run("of different APIs", func(t *testing.T) { t.Parallel(); differentAPIs(t, a, b) })
		t.Run("W6 of one API", func(t *testing.T) { t.Parallel(); oneAPI(t, a, b) })
		t.Run("of one API, incompatible", func(t *testing.T) { t.Parallel(); place = incompatible(t, a, b) })
	})
	t.Run("claims of two bindings survive a restart", func(t *testing.T) { claimsSurvive(t, a, place) })
}

// Two bindings to one provider, each with a Secret of its own, claim objects of one kind. After a start each is known
// before the other, and takes back nothing of the other's.
func claimsSurvive(t *testing.T, p *pair.Pair, place *pair.Place) {
	c := claimable{Pair: p, place: place}
	expect.Namespace(t, p.Consumer, "kept")
	of := func(name, app string) *unstructured.Unstructured {
		return core("Secret", "kept", name, name, "app", app)
	}
	kept := []*unstructured.Unstructured{of("of-ranches", "ranch"), of("of-barns", "barn")}
	var before []*unstructured.Unstructured
	for _, o := range kept {
		expect.Create(t, p.Consumer, o)
		before = append(before, c.up(t, o, o.GetName()))
	}
	for i := range 2 {
		if err := errors.Join(p.Konnector().Stop(), p.StartKonnector()); err != nil {
			t.Fatal(err)
		}
		for _, app := range []string{"ranch", "barn"} {
			after := of(fmt.Sprintf("after-%d-%s", i, app), app)
			expect.Create(t, p.Consumer, after)
			c.up(t, after, after.GetName())
		}
	}
	for i, o := range kept {
		if got := c.up(t, o, o.GetName()); got.GetUID() != before[i].GetUID() || got.GetResourceVersion() != before[i].GetResourceVersion() {
			t.Errorf("the copy of %s was written", o.GetName())
		}
	}
}

func differentAPIs(t *testing.T, a, b *pair.Pair) {
	offerRanches(t, a)
	saloons := like("saloons", "saloon", "Saloon")
	expect.Create(t, b.Provider, parsed(t, saloons.Replace(ranchCRD)))
	expect.Create(t, b.Provider, parsed(t, saloons.Replace(ranchTemplate)))
	ca := claimable{Pair: a, place: bind(t, a, ranches)}
	cb := claimable{Pair: between(t, a, b), place: bindFrom(t, a, b, "saloons.wildwest.dev", binding("saloons.wildwest.dev"))}
	waitReady(t, a, "saloons.wildwest.dev")
	expect.Namespace(t, a.Consumer, "team")

	r, s := ranch("team", "one"), ranch("team", "one")
	s.SetKind("Saloon")
	expect.Create(t, a.Consumer, r)
	expect.Create(t, a.Consumer, s)
	expect.Exists(t, a.Provider, at(r, ca.there("team")))
	expect.Exists(t, cb.Provider, at(s, cb.there("team")))

	given := core("Secret", "team", "creds", "from a", "app", "ranch")
	expect.Create(t, a.Provider, at(given, ca.there("team")))
	ca.down(t, given, "from a")
	mine, both := core("Secret", "team", "mine", "for a", "app", "ranch"), core("ConfigMap", "team", "ranch-config", "x")
	expect.Create(t, a.Consumer, mine)
	expect.Create(t, a.Consumer, both)
	ca.up(t, mine, "for a")
	ca.up(t, both, "x")

	uid := expect.Exists(t, a.Consumer, given).GetUID()
	expect.Never(t, "the other provider stays out of it", func(ctx context.Context) error {
		here, err := expect.Get(ctx, a.Consumer, given)
		if err != nil || here.GetUID() != uid {
			return fmt.Errorf("what a gave is gone, or another object: %w", err)
		}
		for _, name := range []string{"creds", "mine"} {
			if _, err := expect.Get(ctx, cb.Provider, core("Secret", cb.there("team"), name, "")); err == nil {
				return fmt.Errorf("b has %s", name)
			}
		}
		return nil
	})
	// What the consumer got from a it may well refer to in an object of b: then b gets it too, as the consumer's.
	expect.Change(t, a.Consumer, s, expect.Set(map[string]any{"name": "creds"}, "spec", "secretRef"))
	cb.up(t, given, "from a")
	ca.down(t, given, "from a")
	expect.Change(t, a.Consumer, s, expect.Unset("spec", "secretRef"))
	cb.gone(t, given)
	ca.down(t, given, "from a")
}
