// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// A consumer is removed by its provider: all that it has there goes, and nothing of the other consumer; its binding says
// so, also after a restart of the konnector; its objects are kept, and can be deleted.
func TestConsumerRemoved(t *testing.T) {
	t.Parallel()
	type removal struct {
		args   []string
		remove func(t *testing.T, c claimable)
	}
	removals := map[string]removal{
		"by its ClusterBinding, namespaced scope": {[]string{"--consumer-scope=namespaced"}, removeBinding},
		"by its namespace, cluster scope":         {[]string{"--consumer-scope=cluster"}, removeNamespace},
		"by its silence":                          {[]string{"--remove-silent-consumers-after=1h"}, removeSilent},
	}
	if world.Kind() == pair.KCPWorkspace {
		removals["by its workspace"] = removal{nil, removeWorkspace}
	}
	for name, tc := range removals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, tc.args...)
			offerRanches(t, p)
			neighbour, err := p.Neighbour(t.Context(), "neighbour")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := neighbour.Stop(); err != nil {
					t.Error(err)
				}
			})
			c, n := claimable{Pair: p, place: bind(t, p, ranches)}, claimable{Pair: neighbour, place: bind(t, neighbour, ranches)}
			for _, one := range []claimable{c, n} {
				expect.Namespace(t, one.Consumer, "team")
				expect.Create(t, one.Consumer, ranch("team", "kept"))
				expect.Exists(t, one.Provider, ranch(one.there("team"), "kept"))
			}
			tc.remove(t, c)
			for _, namespace := range []string{c.place.Namespace, c.there("team")} {
				expect.Gone(t, p.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
			}
			consumerKeepsItsObjects(t, c)
			expect.Change(t, n.Consumer, ranch("team", "kept"), expect.Set("rest", "spec", "intent"))
			expect.Has(t, n.Provider, ranch(n.there("team"), "kept"), "rest", "spec", "intent")
		})
	}
}

func removeBinding(t *testing.T, c claimable) {
	expect.Delete(t, c.Provider, &kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: c.place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}})
}

func removeNamespace(t *testing.T, c claimable) {
	expect.Delete(t, c.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.place.Namespace}})
}

// removeWorkspace is done by hand: whose workspace it is has no say in it.
func removeWorkspace(t *testing.T, c claimable) {
	expect.Delete(t, c.Provider, &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: c.place.Namespace}})
}

// removeSilent lets the last heartbeat be long ago.
func removeSilent(t *testing.T, c claimable) {
	expect.Eventually(t, "writing an old heartbeat", func(ctx context.Context) error {
		b := &kubebindv1alpha2.ClusterBinding{}
		if err := c.Provider.Client.Get(ctx, client.ObjectKey{Namespace: c.place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, b); err != nil {
			return err
		}
		old := metav1.NewTime(time.Now().Add(-2 * time.Hour))
		b.Status.LastHeartbeatTime = &old
		return c.Provider.Client.Status().Update(ctx, b)
	})
}

func consumerKeepsItsObjects(t *testing.T, c claimable) {
	t.Helper()
	b := bindingOf(t, c, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonConsumerRemoved)
	expect.Event(t, c.Consumer, b, kubebindv1alpha2.ReasonConsumerRemoved)
	stop(t, c.Konnector())
	if err := c.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	expect.Never(t, "the binding should go on saying so", func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBinding{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: ranches}, b); err != nil {
			return err
		}
		if got := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionConnected); got.Reason != kubebindv1alpha2.ReasonConsumerRemoved {
			return fmt.Errorf("it says %s: %s", got.Reason, got.Message)
		}
		return nil
	})
	expect.Exists(t, c.Consumer, ranch("team", "kept"))
	expect.Delete(t, c.Consumer, ranch("team", "kept"))
	expect.Gone(t, c.Consumer, ranch("team", "kept"))
	expect.Create(t, c.Consumer, ranch("team", "another"))
	unbound(t, c.Pair, ranches)
}

// unbound deletes a binding, and waits until it is gone.
func unbound(t *testing.T, p *pair.Pair, name string) {
	t.Helper()
	b := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
	expect.Delete(t, p.Consumer, b)
	expect.Gone(t, p.Consumer, b)
}
