// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"slices"
	"testing"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
)

func TestMissingClaims(t *testing.T) {
	claim := func(group, resource, identity string, verbs ...string) apisv1alpha2.PermissionClaim {
		return apisv1alpha2.PermissionClaim{GroupResource: apisv1alpha2.GroupResource{Group: group, Resource: resource}, IdentityHash: identity, Verbs: verbs}
	}
	wanted := []apisv1alpha2.PermissionClaim{claim("tenancy.kcp.io", "workspaces", "a", "get"), claim("", "secrets", "", "get", "create")}
	for name, tc := range map[string]struct {
		claim  apisv1alpha2.PermissionClaim
		state  apisv1alpha2.AcceptablePermissionClaimState
		secret bool // is missing, besides the workspaces
	}{
		"accepted":               {claim("", "secrets", "", "get", "create"), apisv1alpha2.ClaimAccepted, false},
		"accepted with all":      {claim("", "secrets", "", "*"), apisv1alpha2.ClaimAccepted, false},
		"accepted with more":     {claim("", "secrets", "", "create", "delete", "get"), apisv1alpha2.ClaimAccepted, false},
		"accepted with less":     {claim("", "secrets", "", "get"), apisv1alpha2.ClaimAccepted, true},
		"rejected":               {claim("", "secrets", "", "get", "create"), apisv1alpha2.ClaimRejected, true},
		"of another group":       {claim("a", "secrets", "", "*"), apisv1alpha2.ClaimAccepted, true},
		"of another identity":    {claim("", "secrets", "a", "*"), apisv1alpha2.ClaimAccepted, true},
		"another one altogether": {claim("", "configmaps", "", "*"), apisv1alpha2.ClaimAccepted, true},
	} {
		t.Run(name, func(t *testing.T) {
			binding := &apisv1alpha2.APIBinding{}
			binding.Status.ExportPermissionClaims = wanted
			binding.Spec.PermissionClaims = []apisv1alpha2.AcceptablePermissionClaim{{
				ScopedPermissionClaim: apisv1alpha2.ScopedPermissionClaim{PermissionClaim: tc.claim}, State: tc.state,
			}}
			want := []string{"workspaces.tenancy.kcp.io"}
			if tc.secret {
				want = []string{"secrets", "workspaces.tenancy.kcp.io"}
			}
			if got := missingClaims(binding); !slices.Equal(got, want) {
				t.Errorf("missing are %v, want %v", got, want)
			}
		})
	}
	if got := missingClaims(nil); got != nil {
		t.Errorf("without a binding %v are missing", got)
	}
}
