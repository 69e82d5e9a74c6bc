// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// namespaceIs waits for a namespace, and returns it.
func namespaceIs(t *testing.T, side *pair.Side, name string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{}
	expect.Eventually(t, "namespace "+name+" should be there", func(ctx context.Context) error {
		if err := side.Client.Get(ctx, client.ObjectKey{Name: name}, ns); err != nil {
			return err
		}
		if ns.DeletionTimestamp != nil {
			return fmt.Errorf("it is going")
		}
		return nil
	})
	return ns
}

// Namespaces of a template are on both sides, for each consumer; and the provider's namespaces go with the consumer's.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	for name, scope := range scopes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "--consumer-scope="+scope)
			expect.Create(t, p.Provider, parsed(t, ranchCRD))
			expect.Create(t, p.Provider, parsed(t, ranchTemplate+"  namespaces: [{name: ranch-system, description: the service's own}, {name: kube-evil}]\n"))
			neighbour, err := p.Neighbour(t.Context(), "neighbour")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := neighbour.Stop(); err != nil {
					t.Error(err)
				}
			})
			expect.Namespace(t, neighbour.Consumer, "ranch-system")
			c, n := claimable{Pair: p, place: bind(t, p, ranches)}, claimable{Pair: neighbour, place: bind(t, neighbour, ranches)}
			templateNamespaces(t, c, false)
			templateNamespaces(t, n, true)
			namespaceGoes(t, c)
			namespaceIs(t, n.Provider, n.there("ranch-system"))
		})
	}
}

func templateNamespaces(t *testing.T, c claimable, existed bool) {
	t.Helper()
	here := namespaceIs(t, c.Consumer, "ranch-system")
	if marked := here.Labels[kubebindv1alpha2.OwnerLabel] == kubebindv1alpha2.OwnerProvider; marked == existed {
		t.Errorf("the consumer's namespace was there: %v, and has the labels %v", existed, here.Labels)
	}
	namespaceIs(t, c.Provider, c.there("ranch-system"))
	// What the provider puts there comes down, without any object of the consumer's.
	given := core("Secret", "ranch-system", "given", "one", "app", "ranch")
	expect.Create(t, c.Provider, at(given, c.there("ranch-system")))
	c.down(t, given, "one")
	// W15: names of Kubernetes itself are not the provider's to give.
	expect.Never(t, "kube-evil should not be made", func(ctx context.Context) error {
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: "kube-evil"}, namespace("")); err == nil {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	if existed {
		return
	}
	expect.Delete(t, c.Consumer, namespace("ranch-system"))
	expect.Eventually(t, "the namespace should be made again", func(ctx context.Context) error {
		again := &corev1.Namespace{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: "ranch-system"}, again); err != nil {
			return err
		}
		if again.UID == here.UID {
			return fmt.Errorf("it is still the old one")
		}
		return nil
	})
	c.down(t, given, "one")
}

func namespaceGoes(t *testing.T, c claimable) {
	t.Helper()
	expect.Namespace(t, c.Consumer, "short")
	secret := core("Secret", "short", "mine", "one", "app", "ranch")
	expect.Create(t, c.Consumer, secret)
	expect.Create(t, c.Consumer, ranch("short", "one"))
	c.up(t, secret, "one")
	expect.Exists(t, c.Provider, ranch(c.there("short"), "one"))
	expect.Create(t, c.Provider, core("ConfigMap", c.there("short"), "of-the-provider", "x"))
	expect.Delete(t, c.Consumer, namespace("short"))
	expect.Gone(t, c.Consumer, namespace("short"))
	expect.Gone(t, c.Provider, namespace(c.there("short")))
}

// With isolation None a namespace that the provider had before is only used if it lends it, and is never deleted.
func TestLentNamespaces(t *testing.T) {
	t.Parallel()
	p := start(t, "--isolation=none", "--consumer-scope=namespaced")
	offerRanches(t, p)
	c := claimable{Pair: p, place: bind(t, p, ranches), none: true}
	for _, name := range []string{"kept", "lent"} {
		expect.Create(t, p.Provider, namespace(name))
		expect.Namespace(t, p.Consumer, name)
		expect.Create(t, p.Consumer, ranch(name, "one"))
	}
	message := expect.Event(t, p.Consumer, ranch("kept", "one"), kubebindv1alpha2.ReasonNamespaceConflict)
	t.Logf("the user is told: %s", message)
	expect.Eventually(t, "lending the namespace", func(ctx context.Context) error {
		ns := &corev1.Namespace{}
		if err := p.Provider.Client.Get(ctx, client.ObjectKey{Name: "lent"}, ns); err != nil {
			return err
		}
		ns.Annotations = map[string]string{kubebindv1alpha2.AllowAdoptionAnnotation: c.place.Namespace}
		return p.Provider.Client.Update(ctx, ns)
	})
	expect.Exists(t, p.Provider, ranch("lent", "one"))
	stays(t, p.Provider, ranch("kept", "one"))
	own := core("Secret", "lent", "own", "x")
	expect.Create(t, p.Provider, own)
	expect.Delete(t, p.Consumer, namespace("lent"))
	expect.Gone(t, p.Consumer, namespace("lent"))
	expect.Gone(t, p.Provider, ranch("lent", "one"))
	expect.Never(t, "what was lent stays", func(ctx context.Context) error {
		ns := &corev1.Namespace{}
		if err := p.Provider.Client.Get(ctx, client.ObjectKey{Name: "lent"}, ns); err != nil || ns.DeletionTimestamp != nil {
			return fmt.Errorf("the namespace goes: %w", err)
		}
		_, err := expect.Get(ctx, p.Provider, own)
		return err
	})
}
