// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Selection is what the claims on one resource select, all of them together. The zero value selects nothing.
type Selection struct {
	byLabels map[string]labels.Selector
	byName   map[types.NamespacedName]bool
	// References are the claims by reference.
	References []Reference
}

// New puts claims on one resource together. A selector without any part selects nothing, and neither does a label
// selector that would select everything: nobody agrees to share all Secrets of a cluster by leaving something out.
// It fails on a label selector that cannot be parsed.
func New(claims []kubebindv1alpha2.PermissionClaim) (Selection, error) {
	s := Selection{byLabels: map[string]labels.Selector{}, byName: map[types.NamespacedName]bool{}}
	for _, claim := range claims {
		if claim.Selector.LabelSelector != nil {
			selector, err := metav1.LabelSelectorAsSelector(claim.Selector.LabelSelector)
			if err != nil {
				return Selection{}, fmt.Errorf("the label selector of the claim on %s: %w", claim.ResourceGroupName(), err)
			}
			if !selector.Empty() {
				s.byLabels[selector.String()] = selector
			}
		}
		for _, named := range claim.Selector.NamedResources {
			s.byName[types.NamespacedName{Namespace: named.Namespace, Name: named.Name}] = true
		}
		for _, reference := range claim.Selector.References {
			s.References = append(s.References, Reference{
				Resource: reference.GroupResource, Versions: reference.Versions,
				Name: reference.JSONPath.Name, Namespace: reference.JSONPath.Namespace,
			})
		}
	}
	return s, nil
}

// Selects says whether an object is claimed: by its labels, by its key in the consumer, or because it is referred to.
func (s Selection) Selects(key types.NamespacedName, marks map[string]string, referenced bool) bool {
	if referenced || s.byName[key] || s.byName[types.NamespacedName{Name: key.Name}] {
		return true
	}
	for _, selector := range s.byLabels {
		if selector.Matches(labels.Set(marks)) {
			return true
		}
	}
	return false
}

// LabelSelectors lists the label selectors, sorted.
func (s Selection) LabelSelectors() []string { return slices.Sorted(maps.Keys(s.byLabels)) }

// Names lists the claims by name. An empty namespace is any.
func (s Selection) Names() []types.NamespacedName { return slices.Collect(maps.Keys(s.byName)) }
