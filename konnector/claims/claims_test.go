// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func claimOn(selector kubebindv1alpha2.Selector) kubebindv1alpha2.PermissionClaim {
	return kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}, Selector: selector}
}

func TestSelects(t *testing.T) {
	byLabel := claimOn(kubebindv1alpha2.Selector{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}})
	byName := claimOn(kubebindv1alpha2.Selector{NamedResources: []kubebindv1alpha2.NamedResource{{Name: "any"}, {Name: "one", Namespace: "n1"}}})
	nothing := claimOn(kubebindv1alpha2.Selector{})
	everything := claimOn(kubebindv1alpha2.Selector{LabelSelector: &metav1.LabelSelector{}})
	labelled := map[string]string{"app": "x", "more": "y"}
	for name, tc := range map[string]struct {
		claims     []kubebindv1alpha2.PermissionClaim
		namespace  string
		object     string
		labels     map[string]string
		referenced bool
		want       bool
	}{
		"no claim":                        {nil, "n1", "one", labelled, false, false},
		"an empty selector":               {[]kubebindv1alpha2.PermissionClaim{nothing}, "n1", "one", labelled, false, false},
		"an empty label selector":         {[]kubebindv1alpha2.PermissionClaim{everything}, "n1", "one", labelled, false, false},
		"the label":                       {[]kubebindv1alpha2.PermissionClaim{byLabel}, "n2", "two", labelled, false, true},
		"another label":                   {[]kubebindv1alpha2.PermissionClaim{byLabel}, "n2", "two", map[string]string{"app": "y"}, false, false},
		"a name in any namespace":         {[]kubebindv1alpha2.PermissionClaim{byName}, "n2", "any", nil, false, true},
		"a name in its namespace":         {[]kubebindv1alpha2.PermissionClaim{byName}, "n1", "one", nil, false, true},
		"that name in another namespace":  {[]kubebindv1alpha2.PermissionClaim{byName}, "n2", "one", nil, false, false},
		"a reference":                     {[]kubebindv1alpha2.PermissionClaim{nothing}, "n2", "two", nil, true, true},
		"one of several":                  {[]kubebindv1alpha2.PermissionClaim{byLabel, byName}, "n1", "one", nil, false, true},
		"the other of several":            {[]kubebindv1alpha2.PermissionClaim{byLabel, byName}, "n2", "two", labelled, false, true},
		"none of several":                 {[]kubebindv1alpha2.PermissionClaim{byLabel, byName}, "n2", "two", nil, false, false},
		"a claim beside that of anything": {[]kubebindv1alpha2.PermissionClaim{everything, byName}, "n2", "two", labelled, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(tc.claims)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Selects(types.NamespacedName{Namespace: tc.namespace, Name: tc.object}, tc.labels, tc.referenced); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if (Selection{}).Selects(types.NamespacedName{Name: "a"}, nil, false) {
		t.Error("the zero value selects something")
	}
	broken := claimOn(kubebindv1alpha2.Selector{LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Perhaps"}}}})
	if _, err := New([]kubebindv1alpha2.PermissionClaim{broken}); err == nil {
		t.Error("a broken selector is accepted")
	}
}

// W9: a name is never taken for one in a namespace that nothing refers to.
func TestReferences(t *testing.T) {
	const object = `{"spec": {
		"one": {"name": "a", "namespace": "n1"}, "local": {"name": "b"}, "number": 7, "empty": "",
		"list": [{"name": "c", "namespace": "n2"}, {"name": "d"}, {"namespace": "n3"}],
		"names": ["e", "f"], "spaces": ["n1", "n2"],
		"groups": [{"keys": [{"name": "g", "namespace": "n4"}]}, {"keys": [{"name": "h"}]}]
	}}`
	for name, tc := range map[string]struct {
		path, space string
		want        []string
	}{
		"a field":                               {"spec.one.name", "spec.one.namespace", []string{"n1/a"}},
		"no namespace path":                     {"spec.one.name", "", []string{"own/a"}},
		"namespace field is absent":             {"spec.local.name", "spec.local.namespace", []string{"own/b"}},
		"elements of a list":                    {"spec.list.#.name", "spec.list.#.namespace", []string{"n2/c", "own/d"}},
		"elements, own namespace":               {"spec.list.#.name", "", []string{"own/c", "own/d"}},
		"elements, one namespace":               {"spec.list.#.name", "spec.one.namespace", []string{"n1/c", "n1/d"}},
		"plain list":                            {"spec.names", "", []string{"own/e", "own/f"}},
		"names and namespaces that do not pair": {"spec.names", "spec.spaces", nil},
		"lists in lists":                        {"spec.groups.#.keys.#.name", "spec.groups.#.keys.#.namespace", []string{"n4/g", "own/h"}},
		"nothing there":                         {"spec.nowhere", "", nil},
		"not a string":                          {"spec.number", "", nil},
		"an empty string":                       {"spec.empty", "", nil},
		"no path":                               {"", "spec.one.namespace", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, key := range (Reference{Name: tc.path, Namespace: tc.space}).Of([]byte(object), "own") {
				got = append(got, key.String())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if got := (Reference{Name: "spec.local.name"}).Of([]byte(object), ""); len(got) > 0 {
		t.Errorf("a cluster-scoped object without a namespace in it refers to %v", got)
	}
}
