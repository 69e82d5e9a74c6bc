// SPDX-License-Identifier: Apache-2.0

package namespaces

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

const contract = "kube-bind-abc"

func newMap() *Map {
	return New(Options{ContractNamespace: contract, ConsumerCluster: cluster, Changed: func(string) {}})
}

func ready(namespace string) func(*kubebindv1alpha2.APIServiceNamespace) {
	return func(n *kubebindv1alpha2.APIServiceNamespace) { n.Status.Namespace = namespace }
}

func key(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func TestNamespacedTarget(t *testing.T) {
	refusedBy := func(severity kubebindv1alpha2.ConditionSeverity) func(*kubebindv1alpha2.APIServiceNamespace) {
		return func(n *kubebindv1alpha2.APIServiceNamespace) {
			n.Status.Conditions = []kubebindv1alpha2.Condition{kubebindv1alpha2.FalseCondition(
				kubebindv1alpha2.ConditionReady, kubebindv1alpha2.ReasonNamespaceConflict, severity, "it exists")}
		}
	}
	for name, tc := range map[string]struct {
		have     *kubebindv1alpha2.APIServiceNamespace
		consumer presence
		key      types.NamespacedName
		want     plan.TargetState
		reason   string
	}{
		"ready":                            {apiServiceNamespace(ready(contract + "-team")), live, key("team", "a"), plan.Ready, ""},
		"ready, in a namespace that goes":  {apiServiceNamespace(ready(contract + "-team")), terminating, key("team", "a"), plan.Ready, ""},
		"not asked for yet":                {nil, live, key("team", "a"), plan.Pending, ""},
		"asked for":                        {apiServiceNamespace(), live, key("team", "a"), plan.Pending, ""},
		"on its way at the provider":       {apiServiceNamespace(refusedBy(kubebindv1alpha2.SeverityInfo)), live, key("team", "a"), plan.Pending, ""},
		"refused by the provider":          {apiServiceNamespace(refusedBy(kubebindv1alpha2.SeverityError)), live, key("team", "a"), plan.Refused, kubebindv1alpha2.ReasonNamespaceConflict},
		"too late":                         {nil, terminating, key("team", "a"), plan.Refused, ReasonNamespaceTerminating},
		"W8 name too long with its prefix": {nil, live, key(strings.Repeat("n", 60), "a"), plan.Refused, kubebindv1alpha2.ReasonNameTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMap()
			if tc.have != nil {
				m.set(tc.have)
			}
			m.consumers["team"] = tc.consumer
			got := (&Namespaced{Map: m, Isolation: kubebindv1alpha2.IsolationPrefixed}).Target(tc.key)
			if got.State != tc.want || got.Reason != tc.reason {
				t.Errorf("got %+v, want %v %q", got, tc.want, tc.reason)
			}
			if got.State == plan.Refused && got.Message == "" {
				t.Error("a refused target says nothing to the user")
			}
		})
	}
}

func TestNamespacedAsksOnceForWhatIsMissing(t *testing.T) {
	m := newMap()
	m.consumers["team"] = live
	targets := &Namespaced{Map: m, Isolation: kubebindv1alpha2.IsolationPrefixed}
	for range 3 {
		targets.Target(key("team", "a"))
	}
	if m.queue.Len() != 1 || !m.wanted.Has("team") {
		t.Errorf("%d requests are queued", m.queue.Len())
	}
	m.set(apiServiceNamespace())
	if m.wanted.Has("team") {
		t.Error("it is still asked for")
	}
}

func TestNamespacedIsItsOwnInverse(t *testing.T) {
	m := newMap()
	m.set(apiServiceNamespace(ready(contract + "-team")))
	targets := &Namespaced{Map: m, Isolation: kubebindv1alpha2.IsolationPrefixed}
	there := targets.Target(key("team", "a"))
	back, ok := targets.ToConsumer(there.Key)
	if there.Key != key(contract+"-team", "a") || back != key("team", "a") || !ok {
		t.Errorf("%v goes to %v and back to %v", key("team", "a"), there.Key, back)
	}
	if _, ok := targets.ToConsumer(key("kube-system", "a")); ok {
		t.Error("a namespace that is nobody's maps to a consumer namespace")
	}
	if !targets.Watched().Equal(sets.New(contract + "-team")) {
		t.Errorf("watched are %v", targets.Watched())
	}
	m.unset("team")
	if _, ok := targets.ToConsumer(there.Key); ok || targets.Target(key("team", "a")).State != plan.Pending || targets.Watched().Len() != 0 {
		t.Error("a namespace that was taken back is still in use")
	}
}

// Two consumer namespaces on one provider namespace would mix their objects, whatever the provider says.
func TestNamespacedNeverShares(t *testing.T) {
	m := newMap()
	m.set(apiServiceNamespace(ready("shared")))
	second := apiServiceNamespace(ready("shared"))
	second.Name = "other"
	m.set(second)
	targets := &Namespaced{Map: m, Isolation: kubebindv1alpha2.IsolationPrefixed}
	if got := targets.Target(key("other", "a")); got.State == plan.Ready {
		t.Errorf("got %+v", got)
	}
	if got, _ := targets.ToConsumer(key("shared", "a")); got.Namespace != "team" {
		t.Errorf("got %v", got)
	}
}

func TestNamespacedClusterWide(t *testing.T) {
	if got := (&Namespaced{Map: newMap(), ClusterWide: true}).Watched(); !got.Equal(sets.New(metav1.NamespaceAll)) {
		t.Errorf("watched are %v", got)
	}
}

func TestClusterScoped(t *testing.T) {
	targets := &ClusterScoped{Mapping: mapping.Namespaced(contract), Namespace: contract}
	if got := targets.Target(key("", "a")); got.Key != key(contract, "a") || got.State != plan.Ready {
		t.Errorf("got %+v", got)
	}
	if got, ok := targets.ToConsumer(key(contract, "a")); !ok || got != key("", "a") {
		t.Errorf("got %v", got)
	}
	if !targets.Watched().Equal(sets.New(contract)) {
		t.Errorf("watched are %v", targets.Watched())
	}
	long := (&ClusterScoped{Mapping: mapping.Prefixed(contract)}).Target(key("", strings.Repeat("n", 250)))
	if long.State != plan.Refused || long.Reason != kubebindv1alpha2.ReasonNameTooLong || long.Message == "" {
		t.Errorf("got %+v", long)
	}
}

func TestWithdrawn(t *testing.T) {
	got := Withdrawn{}.Target(key("team", "a"))
	if got.State != plan.Refused || got.Reason != ReasonExportGone || got.Message == "" {
		t.Errorf("got %+v", got)
	}
	if _, ok := (Withdrawn{}).ToConsumer(key("team", "a")); ok || (Withdrawn{}).Watched().Len() != 0 {
		t.Error("it looks at the provider")
	}
}
