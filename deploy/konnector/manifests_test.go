// SPDX-License-Identifier: Apache-2.0

package konnector

import (
	"slices"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// A claim of the group "core", as people write it, brings rights in the group whose name is empty.
func TestRoleForCoreGroup(t *testing.T) {
	request := &kubebindv1alpha2.APIServiceExportRequestSpec{
		Resources: []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}}},
		PermissionClaims: []kubebindv1alpha2.PermissionClaim{
			{GroupResource: kubebindv1alpha2.GroupResource{Group: "core", Resource: "secrets"}},
			{GroupResource: kubebindv1alpha2.GroupResource{Resource: "configmaps"}},
			{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "horses"}},
		},
	}
	var groups []string
	for _, rule := range RoleFor(&kubebindv1alpha2.APIServiceBinding{}, request).Rules {
		groups = append(groups, rule.APIGroups...)
	}
	if want := []string{"wildwest.dev", "", "", "wildwest.dev"}; !slices.Equal(groups, want) {
		t.Errorf("the rights are in the groups %q, want %q", groups, want)
	}
}
