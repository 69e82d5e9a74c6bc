// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestClaimedSince(t *testing.T) {
	claim := func(resource, app string) kubebindv1alpha2.PermissionClaim {
		out := kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: resource}}
		out.Selector.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
		return out
	}
	status := func(claims ...kubebindv1alpha2.PermissionClaim) kubebindv1alpha2.APIServiceBindingStatus {
		return kubebindv1alpha2.APIServiceBindingStatus{PermissionClaims: claims, BoundSchemas: make([]kubebindv1alpha2.BoundSchemaReference, 1)}
	}
	for name, tc := range map[string]struct {
		before, after kubebindv1alpha2.APIServiceBindingStatus
		says          string
	}{
		"just bound":    {kubebindv1alpha2.APIServiceBindingStatus{}, status(claim("secrets", "a")), ""},
		"the same":      {status(claim("secrets", "a"), claim("configmaps", "a")), status(claim("configmaps", "a"), claim("secrets", "a")), ""},
		"less":          {status(claim("secrets", "a"), claim("configmaps", "a")), status(claim("secrets", "a")), ""},
		"another kind":  {status(claim("secrets", "a")), status(claim("secrets", "a"), claim("configmaps", "a")), "of configmaps.core are"},
		"other objects": {status(claim("secrets", "a"), claim("configmaps", "a")), status(claim("secrets", "b"), claim("configmaps", "a")), "of secrets.core are"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := claimedSince(tc.before, tc.after); (got == "") != (tc.says == "") || !strings.Contains(got, tc.says) {
				t.Errorf("it says %q", got)
			}
		})
	}
}
