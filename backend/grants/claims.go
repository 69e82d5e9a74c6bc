// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// OnClaimed says whether claims give any rights on claimed objects.
func OnClaimed(claims []kubebindv1alpha2.PermissionClaim) bool { return len(claimRules(claims)) > 0 }

// claimRules are the rights on claimed objects in one service namespace. A claim that only names objects gives rights on
// these; but no rule can restrict the names of what is created. By labels or references RBAC cannot restrict at all.
func claimRules(claims []kubebindv1alpha2.PermissionClaim) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, resource := range kubebindv1alpha2.ClaimableResources() {
		var names []string
		wide := false
		for _, claim := range claims {
			if claim.APIGroup() != "" || claim.Resource != resource {
				continue
			}
			wide = wide || claim.Selector.LabelSelector != nil || len(claim.Selector.References) > 0
			for _, named := range claim.Selector.NamedResources {
				names = append(names, named.Name)
			}
		}
		slices.SortFunc(names, strings.Compare)
		rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{resource}, Verbs: allVerbs()}
		switch {
		case wide:
			out = append(out, rule)
		case len(names) > 0:
			rule.Verbs = append(readVerbs(), "delete", "patch", "update")
			rule.ResourceNames = slices.Compact(names)
			out = append(out, rule, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{resource}, Verbs: []string{"create"}})
		}
	}
	return out
}
