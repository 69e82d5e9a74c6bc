// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func asked(name string) *kubebindv1alpha2.APIServiceNamespace {
	return &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: "cluster-abc", Name: name}}
}

func TestNameFor(t *testing.T) {
	const prefixed, flat, none = kubebindv1alpha2.IsolationPrefixed, kubebindv1alpha2.IsolationNamespaced, kubebindv1alpha2.IsolationNone
	long := strings.Repeat("n", 63)
	given := asked("n")
	given.Status.Namespace = "from-before"
	for name, tc := range map[string]struct {
		wanted    *kubebindv1alpha2.APIServiceNamespace
		isolation kubebindv1alpha2.Isolation
		want      string
		reason    string
	}{
		"prefixed":                 {asked("n"), prefixed, "cluster-abc-n", ""},
		"namespaced":               {asked("n"), flat, "cluster-abc-n", ""},
		"none":                     {asked("n"), none, "n", ""},
		"given before":             {given, prefixed, "from-before", ""},
		"W53: too long":            {asked(long), prefixed, "", kubebindv1alpha2.ReasonNameTooLong},
		"as long, without prefix":  {asked(long), none, long, ""},
		"just fits":                {asked(long[:51]), prefixed, "cluster-abc-" + long[:51], ""},
		"no label":                 {asked("a.b"), prefixed, "", kubebindv1alpha2.ReasonNameReserved},
		"W11: kube-system":         {asked("kube-system"), none, "", kubebindv1alpha2.ReasonNameReserved},
		"kube-system of my own":    {asked("kube-system"), prefixed, "cluster-abc-kube-system", ""},
		"W11: somebody's place":    {asked("cluster-xyz"), none, "", kubebindv1alpha2.ReasonNameReserved},
		"like a place, of my own":  {asked("cluster-xyz"), prefixed, "cluster-abc-cluster-xyz", ""},
		"like a place, but is not": {asked("clusters"), none, "clusters", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, refusal := nameFor(tc.wanted, tc.isolation, "cluster-")
			reason := ""
			if refusal != nil {
				reason = refusal.Reason
			}
			if got != tc.want || reason != tc.reason {
				t.Errorf("got %q, %+v", got, refusal)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	now := metav1.Now()
	ours := func(mods ...func(*corev1.Namespace)) *corev1.Namespace {
		out := namespaceFor(asked("n"), "cluster-abc-n")
		for _, mod := range mods {
			mod(out)
		}
		return out
	}
	lent := func(to string) *corev1.Namespace {
		return ours(func(n *corev1.Namespace) {
			n.Labels, n.Annotations = nil, map[string]string{kubebindv1alpha2.AllowAdoptionAnnotation: to}
		})
	}
	type want struct {
		create, ready bool
		reason        string
	}
	for name, tc := range map[string]struct {
		have    *corev1.Namespace
		missing []string
		want    want
	}{
		"absent":          {nil, nil, want{true, false, kubebindv1alpha2.ReasonPending}},
		"ours":            {ours(), nil, want{false, true, ""}},
		"rights missing":  {ours(), []string{"e"}, want{false, false, kubebindv1alpha2.ReasonPending}},
		"going":           {ours(func(n *corev1.Namespace) { n.DeletionTimestamp = &now }), nil, want{false, false, kubebindv1alpha2.ReasonNamespaceTerminating}},
		"SEC-6: unmarked": {ours(func(n *corev1.Namespace) { n.Annotations = nil }), nil, want{false, false, kubebindv1alpha2.ReasonNamespaceConflict}},
		"another consumer's": {ours(func(n *corev1.Namespace) {
			n.Annotations[kubebindv1alpha2.APIServiceNamespaceAnnotation] = "cluster-xyz/n"
		}), nil, want{false, false, kubebindv1alpha2.ReasonNamespaceConflict}},
		"label alone": {ours(func(n *corev1.Namespace) {
			n.Annotations, n.Labels = nil, map[string]string{kubebindv1alpha2.ContractNamespaceLabel: "cluster-abc"}
		}), nil, want{false, false, kubebindv1alpha2.ReasonNamespaceConflict}},
		"lent":                            {lent(asked("n").Namespace), nil, want{false, false, kubebindv1alpha2.ReasonNamespaceConflict}},
		"lent, isolation None":            {lent("other, " + asked("n").Namespace), nil, want{false, true, ""}},
		"lent, isolation None, no rights": {lent(asked("n").Namespace), []string{"e"}, want{false, false, kubebindv1alpha2.ReasonPending}},
		"lent to another, isolation None": {lent("other"), nil, want{false, false, kubebindv1alpha2.ReasonNamespaceConflict}},
	} {
		t.Run(name, func(t *testing.T) {
			isolation := kubebindv1alpha2.IsolationPrefixed
			if strings.Contains(name, "isolation None") {
				isolation = kubebindv1alpha2.IsolationNone
			}
			d := decide(facts{wanted: asked("n"), isolation: isolation, have: tc.have, rightsMissing: tc.missing}, "cluster-abc-n")
			var status kubebindv1alpha2.APIServiceNamespaceStatus
			report(&status, "cluster-abc-n", d)
			ready := kubebindv1alpha2.FindCondition(status.Conditions, kubebindv1alpha2.ConditionReady)
			if ready == nil {
				t.Fatal("no condition Ready")
			}
			if got := (want{d.create != nil, d.ready, ready.Reason}); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if (status.Namespace != "") != tc.want.ready {
				t.Errorf("the consumer is told %q", status.Namespace)
			}
		})
	}
}

func TestIsolationOf(t *testing.T) {
	export := func(name string, minute int, isolation kubebindv1alpha2.Isolation) kubebindv1alpha2.APIServiceExport {
		out := kubebindv1alpha2.APIServiceExport{ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)),
		}}
		out.Spec.Isolation = isolation
		return out
	}
	a := export("a", 2, kubebindv1alpha2.IsolationNone)
	b := export("b", 1, kubebindv1alpha2.IsolationNamespaced)
	c := export("c", 1, kubebindv1alpha2.IsolationNone)
	for name, tc := range map[string]struct {
		exports []kubebindv1alpha2.APIServiceExport
		want    kubebindv1alpha2.Isolation
	}{
		"the setting":     {nil, kubebindv1alpha2.IsolationPrefixed},
		"the oldest":      {[]kubebindv1alpha2.APIServiceExport{a, b}, kubebindv1alpha2.IsolationNamespaced},
		"of equal age":    {[]kubebindv1alpha2.APIServiceExport{c, b}, kubebindv1alpha2.IsolationNamespaced},
		"the only export": {[]kubebindv1alpha2.APIServiceExport{a}, kubebindv1alpha2.IsolationNone},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isolationOf(tc.exports, kubebindv1alpha2.IsolationPrefixed); got != tc.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
