// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func input(scope kubebindv1alpha2.InformerScope, isolation kubebindv1alpha2.Isolation, mods ...func(*Input)) Input {
	in := Input{
		Export:            types.NamespacedName{Namespace: "cn", Name: "export"},
		InformerScope:     scope,
		Isolation:         isolation,
		Resources:         []Resource{{schema.GroupResource{Group: "x.org", Resource: "mangos"}, true}},
		ServiceNamespaces: []string{"cn-a", "cn-b"},
	}
	for _, mod := range mods {
		mod(&in)
	}
	return in
}

func clusterScoped(in *Input) {
	in.Resources = []Resource{{schema.GroupResource{Group: "x.org", Resource: "trees"}, false}}
}

func fenced(in *Input) { in.Fenced = true }

func lent(in *Input) { in.Lent = in.ServiceNamespaces[1:] }

// describe writes rights as "<kind> <namespace>: <verbs> <resources>".
func describe(objs []client.Object) []string {
	rules := func(rules []rbacv1.PolicyRule) string {
		var out []string
		for _, r := range rules {
			out = append(out, fmt.Sprintf("%s %s.%s", strings.Join(r.Verbs, ","), strings.Join(r.Resources, ","), strings.Join(r.APIGroups, ",")))
		}
		return strings.Join(out, "; ")
	}
	var out []string
	for _, obj := range objs {
		switch o := obj.(type) {
		case *rbacv1.Role:
			out = append(out, fmt.Sprintf("Role in %s: %s", o.Namespace, rules(o.Rules)))
		case *rbacv1.ClusterRole:
			out = append(out, "ClusterRole: "+rules(o.Rules))
		case *admissionregistrationv1.ValidatingAdmissionPolicy:
			out = append(out, "fence")
		}
	}
	return out
}

func TestDesired(t *testing.T) {
	const (
		all   = "get,list,watch,create,delete,patch,update"
		read  = "get,list,watch"
		write = "create,delete,patch,update"
	)
	narrow, wide := kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.ClusterScope
	prefixed, flat, none := kubebindv1alpha2.IsolationPrefixed, kubebindv1alpha2.IsolationNamespaced, kubebindv1alpha2.IsolationNone
	for name, tc := range map[string]struct {
		in   Input
		want []string
	}{
		"namespaced resource, consumers watch namespaces": {input(narrow, prefixed), []string{
			"Role in cn-a: " + all + " mangos.x.org", "Role in cn-b: " + all + " mangos.x.org",
		}},
		"the same without isolation": {input(narrow, none), []string{
			"Role in cn-a: " + all + " mangos.x.org", "Role in cn-b: " + all + " mangos.x.org",
		}},
		"in a lent namespace before the fence stands": {input(narrow, none, lent), []string{"fence", "Role in cn-a: " + all + " mangos.x.org"}},
		"in a lent namespace": {input(narrow, none, lent, fenced), []string{
			"fence", "Role in cn-a: " + all + " mangos.x.org", "Role in cn-b: " + all + " mangos.x.org",
		}},
		"in a lent namespace, consumers watch all": {input(wide, none, lent), []string{
			"fence", "ClusterRole: " + read + " mangos.x.org", "Role in cn-a: " + write + " mangos.x.org",
		}},
		"in the contract namespace": {input(narrow, flat), []string{"Role in cn: " + all + " mangos.x.org"}},
		"namespaced resource, consumers watch all": {input(wide, prefixed), []string{
			"ClusterRole: " + read + " mangos.x.org",
			"Role in cn-a: " + write + " mangos.x.org", "Role in cn-b: " + write + " mangos.x.org",
		}},
		"in the contract namespace, consumers watch all": {input(wide, flat), []string{
			"ClusterRole: " + read + " mangos.x.org", "Role in cn: " + write + " mangos.x.org",
		}},
		"cluster-scoped resource before the fence stands": {input(wide, prefixed, clusterScoped), []string{"fence"}},
		"cluster-scoped resource": {input(wide, prefixed, clusterScoped, fenced), []string{
			"fence", "ClusterRole: " + all + " trees.x.org",
		}},
		"cluster-scoped resource, consumers watch namespaces": {input(narrow, prefixed, clusterScoped, fenced), nil},
		"no namespaces yet": {input(narrow, prefixed, func(in *Input) { in.ServiceNamespaces = nil }), nil},
		"no schemas yet":    {input(wide, prefixed, func(in *Input) { in.Resources = nil }), nil},
		"a resource named twice": {input(narrow, flat, func(in *Input) { in.Resources = append(in.Resources, in.Resources...) }), []string{
			"Role in cn: " + all + " mangos.x.org",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			desired := Desired(tc.in)
			if diff := cmp.Diff(tc.want, describe(desired)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(desired, Desired(tc.in)); diff != "" {
				t.Errorf("not deterministic: %s", diff)
			}
			for _, obj := range desired {
				if owner, ok := ExportOf(obj); !ok || owner != tc.in.Export {
					t.Errorf("%T is marked for %v", obj, owner)
				}
			}
		})
	}
}

// W12: nothing is bound to anybody but this consumer's own account.
func TestSubjects(t *testing.T) {
	want := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "cn", Name: "kube-binder"}}
	found := 0
	for _, obj := range Desired(input(kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed)) {
		var got []rbacv1.Subject
		switch b := obj.(type) {
		case *rbacv1.RoleBinding:
			got = b.Subjects
		case *rbacv1.ClusterRoleBinding:
			got = b.Subjects
		default:
			continue
		}
		found++
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if found != 3 {
		t.Errorf("%d bindings, want 3", found)
	}
}

// W53: names are valid and tell exports apart, whatever these are called.
func TestNames(t *testing.T) {
	long := strings.Repeat("x", 253)
	exports := []types.NamespacedName{
		{Namespace: "cn", Name: "export"}, {Namespace: "cn-export", Name: "export"}, {Namespace: "cn", Name: "export-export"},
		{Namespace: strings.Repeat("n", 63), Name: long}, {Namespace: "cn", Name: long}, {Namespace: "cn", Name: long[1:] + "y"},
		{Namespace: "a", Name: "b-c"}, {Namespace: "a-b", Name: "c"},
	}
	seen := map[string]types.NamespacedName{}
	for _, export := range exports {
		in := input(kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed, clusterScoped, fenced)
		in.Export = export
		in.Resources = append(in.Resources, Resource{schema.GroupResource{Group: "x.org", Resource: "mangos"}, true})
		for _, obj := range Desired(in) {
			if problems := validation.IsDNS1123Subdomain(obj.GetName()); len(problems) > 0 {
				t.Errorf("%v: %q: %v", export, obj.GetName(), problems)
			}
			id := identify(obj)
			if other, found := seen[id]; found {
				t.Errorf("%v and %v both have %s", export, other, id)
			}
			seen[id] = export
			for key, value := range obj.GetLabels() {
				if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
					t.Errorf("%v: label %s: %v", export, key, problems)
				}
			}
		}
	}
}

func TestStands(t *testing.T) {
	in := input(kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed, clusterScoped)
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	standing := func(mods ...func(*Fence)) Fence {
		objs := fence(in)
		f := Fence{
			objs[0].(*admissionregistrationv1.ValidatingAdmissionPolicy),
			objs[1].(*admissionregistrationv1.ValidatingAdmissionPolicyBinding),
		}
		f.Policy.CreationTimestamp, f.Binding.CreationTimestamp = metav1.NewTime(made), metav1.NewTime(made)
		for _, mod := range mods {
			mod(&f)
		}
		return f
	}
	for name, tc := range map[string]struct {
		in   Input
		have Fence
		now  time.Time
		want bool
	}{
		"not needed":         {input(kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed), Fence{}, made, true},
		"absent":             {in, Fence{}, made.Add(time.Hour), false},
		"policy only":        {in, standing(func(f *Fence) { f.Binding = nil }), made.Add(time.Hour), false},
		"just made":          {in, standing(), made.Add(SettleTime - time.Millisecond), false},
		"settled":            {in, standing(), made.Add(SettleTime), true},
		"binding made later": {in, standing(func(f *Fence) { f.Binding.CreationTimestamp = metav1.NewTime(made.Add(time.Minute)) }), made.Add(time.Minute), false},
		"opened": {in, standing(func(f *Fence) {
			f.Binding.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Audit}
		}), made.Add(time.Hour), false},
		"with a label of somebody": {in, standing(func(f *Fence) { f.Policy.Labels["team"] = "x" }), made.Add(time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			got, wait := tc.in.Stands(tc.have, tc.now)
			if got != tc.want || got != (wait == 0) {
				t.Errorf("got %v, wait %s", got, wait)
			}
		})
	}
}

// A fence that stands already is not changed by the first loan: nobody can tell when all API servers would have seen that.
func TestFenceBeforeLoan(t *testing.T) {
	claims := func(in *Input) {
		claim := kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}}
		claim.Selector.LabelSelector = &metav1.LabelSelector{}
		in.Claims = []kubebindv1alpha2.PermissionClaim{claim}
	}
	before := input(kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNone, claims)
	after := input(kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNone, claims, lent)
	if diff := cmp.Diff(fence(before), fence(after)); diff != "" {
		t.Error(diff)
	}
	both := func(in *Input) {
		in.Resources = append(in.Resources, Resource{schema.GroupResource{Group: "x.org", Resource: "trees"}, false})
	}
	if diff := cmp.Diff(fence(input(kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNone, both)),
		fence(input(kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNone, both, lent))); diff != "" {
		t.Error(diff)
	}
	if len(before.shared()) != 1 || before.FencesLentOnly() || !input(kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNone, lent).FencesLentOnly() {
		t.Errorf("fenced are %v", before.shared())
	}
	if other := input(kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationPrefixed, claims); len(other.shared()) != 0 {
		t.Errorf("with isolation Prefixed fenced are %v", other.shared())
	}
}
