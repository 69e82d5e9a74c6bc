// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// claim is a permission claim in words.
type claim struct {
	// What is claimed: a kind of objects, in the plural.
	What string
	// Which of them: any of these.
	Which []string
	// Owner says whose they are.
	Owner string
}

// Whose claimed objects are.
const (
	ownedByEither = "Those that you make stay yours, and the provider gets a copy. Those that the provider makes stay the provider's, and you get a copy. " +
		"The label kube-bind.io/owner on each says whose it is."
	ownedByProvider = "They are the provider's, and you get a copy of each, with its status."
)

// claimInWords says what a permission claim shares. kinds are the kinds of resources that the same template offers, by their
// names such as databases.example.org.
func claimInWords(c kubebindv1alpha2.PermissionClaim, kinds map[string]string) claim {
	out := claim{What: plural(c.GroupResource, kinds), Owner: ownedByEither}
	if c.APIGroup() != "" {
		out.Owner = ownedByProvider
	}
	if labels := labelsInWords(c.Selector.LabelSelector); labels != "" {
		out.Which = append(out.Which, labels)
	}
	for _, named := range c.Selector.NamedResources {
		where := "in any namespace"
		if named.Namespace != "" {
			where = "in the namespace " + named.Namespace
		}
		out.Which = append(out.Which, fmt.Sprintf("called %s, %s", named.Name, where))
	}
	for _, reference := range c.Selector.References {
		from := plural(reference.GroupResource, kinds)
		words := fmt.Sprintf("named in %s of your %s", pathInWords(reference.JSONPath.Name), from)
		if reference.JSONPath.Namespace != "" {
			words += fmt.Sprintf(", in the namespace that %s says", pathInWords(reference.JSONPath.Namespace))
		}
		out.Which = append(out.Which, words)
	}
	return out
}

// plural names a resource as people do.
func plural(r kubebindv1alpha2.GroupResource, kinds map[string]string) string {
	core := map[string]string{"secrets": "Secrets", "configmaps": "ConfigMaps", "serviceaccounts": "ServiceAccounts"}
	if name, ok := core[r.Resource]; ok && r.APIGroup() == "" {
		return name
	}
	if kind, ok := kinds[r.String()]; ok {
		return kind + " objects"
	}
	return r.String()
}

// pathInWords marks the places where a path goes into lists.
func pathInWords(path string) string { return strings.ReplaceAll(path, ".#", "[]") }

// labelsInWords is "" for selectors that select nothing.
func labelsInWords(selector *metav1.LabelSelector) string {
	if selector == nil {
		return ""
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(selector.MatchLabels)) {
		parts = append(parts, fmt.Sprintf("with the label %s=%s", key, selector.MatchLabels[key]))
	}
	for _, e := range selector.MatchExpressions {
		values := strings.Join(e.Values, " or ")
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			parts = append(parts, fmt.Sprintf("whose label %s is %s", e.Key, values))
		case metav1.LabelSelectorOpNotIn:
			parts = append(parts, fmt.Sprintf("whose label %s is not %s", e.Key, values))
		case metav1.LabelSelectorOpExists:
			parts = append(parts, "that have a label "+e.Key)
		case metav1.LabelSelectorOpDoesNotExist:
			parts = append(parts, "that have no label "+e.Key)
		default:
			parts = append(parts, fmt.Sprintf("whose label %s is %s %s", e.Key, e.Operator, values))
		}
	}
	return strings.Join(parts, " and ")
}
