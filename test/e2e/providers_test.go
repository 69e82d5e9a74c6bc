// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// bindFrom lets the consumer of one pair bind a template of another one's provider.
func bindFrom(t *testing.T, consumer, provider *pair.Pair, name string) *pair.Place {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*expect.Timeout)
	defer cancel()
	identity, err := consumer.Consumer.ClusterUID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	place, err := provider.Request(ctx, name, name, identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(consumer.SaveKubeconfig(ctx, name, place.Kubeconfig), consumer.CreateBinding(ctx, name, name)); err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.WaitBinding(ctx, name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, ""); err != nil {
		t.Fatal(err)
	}
	return place
}

// Two bindings to two providers with different APIs. W4: what one of them may share stays between it and the consumer,
// though both claim objects of the same kind in the same namespace, and both know the consumer under the same identity.
func TestTwoProviders(t *testing.T) {
	t.Parallel()
	a, b := start(t), start(t)
	offerRanches(t, a)
	saloons := strings.NewReplacer("ranches", "saloons", "ranch", "saloon", "Ranch", "Saloon")
	expect.Create(t, b.Provider, parsed(t, saloons.Replace(ranchCRD)))
	expect.Create(t, b.Provider, parsed(t, saloons.Replace(ranchTemplate)))
	ca := claimable{Pair: a, place: bind(t, a, ranches)}
	cb := claimable{Pair: &pair.Pair{Consumer: a.Consumer, Provider: b.Provider}, place: bindFrom(t, a, b, "saloons.wildwest.dev")}
	expect.Namespace(t, a.Consumer, "team")

	r, s := ranch("team", "one"), ranch("team", "one")
	s.SetKind("Saloon")
	expect.Create(t, a.Consumer, r)
	expect.Create(t, a.Consumer, s)
	expect.Exists(t, a.Provider, at(r, ca.there("team")))
	expect.Exists(t, b.Provider, at(s, cb.there("team")))

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
			if _, err := expect.Get(ctx, b.Provider, core("Secret", cb.there("team"), name, "")); err == nil {
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
