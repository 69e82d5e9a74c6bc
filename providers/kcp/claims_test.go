// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

// answer is what an APIBinding says of a claim.
func answer(resource string, state apisv1alpha2.AcceptablePermissionClaimState, labels map[string]string, verbs ...string) apisv1alpha2.AcceptablePermissionClaim {
	out := apisv1alpha2.AcceptablePermissionClaim{State: state}
	out.Resource, out.Verbs = resource, verbs
	out.Selector.MatchAll, out.Selector.MatchLabels = labels == nil, labels
	return out
}

// Of what a host has bound, consumers' workspaces accept what the host accepts, and no more, whatever is claimed.
func TestPassedOnClaims(t *testing.T) {
	accepted, rejected := apisv1alpha2.ClaimAccepted, apisv1alpha2.ClaimRejected
	some := map[string]string{"app": "x"}
	for name, tc := range map[string]struct {
		said, want []apisv1alpha2.AcceptablePermissionClaim
	}{
		"not answered":       {nil, nil},
		"rejected":           {[]apisv1alpha2.AcceptablePermissionClaim{answer("secrets", rejected, nil, "*")}, []apisv1alpha2.AcceptablePermissionClaim{answer("secrets", rejected, nil, "*")}},
		"accepted":           {[]apisv1alpha2.AcceptablePermissionClaim{answer("secrets", accepted, nil, "*")}, []apisv1alpha2.AcceptablePermissionClaim{answer("secrets", accepted, nil, "*")}},
		"accepted for some":  {[]apisv1alpha2.AcceptablePermissionClaim{answer("secrets", accepted, some, "get")}, []apisv1alpha2.AcceptablePermissionClaim{answer("secrets", accepted, some, "get")}},
		"not claimed (now)":  {[]apisv1alpha2.AcceptablePermissionClaim{answer("serviceaccounts", accepted, nil, "*")}, nil},
		"one of two, sorted": {[]apisv1alpha2.AcceptablePermissionClaim{answer("secrets", rejected, nil), answer("configmaps", accepted, nil)}, []apisv1alpha2.AcceptablePermissionClaim{answer("configmaps", accepted, nil), answer("secrets", rejected, nil)}},
	} {
		t.Run(name, func(t *testing.T) {
			b := bindingNamed("b", "things")
			for _, resource := range []string{"secrets", "configmaps"} {
				claim := apisv1alpha2.PermissionClaim{GroupResource: apisv1alpha2.GroupResource{Resource: resource}, Verbs: []string{"*"}}
				b.Status.ExportPermissionClaims = append(b.Status.ExportPermissionClaims, claim)
			}
			b.Status.BoundResources = []apisv1alpha2.BoundAPIResource{{Group: "example.org", Resource: "things"}}
			b.Spec.PermissionClaims = tc.said
			o, found := boundIn([]apisv1alpha2.APIBinding{*b})[schema.GroupResource{Group: "example.org", Resource: "things"}]
			if diff := cmp.Diff(tc.want, o.claims); diff != "" || !found {
				t.Errorf("found %t: %s", found, diff)
			}
		})
	}
}

// kcp refuses to change a selector: the answer goes, and comes again.
func TestNextAnswers(t *testing.T) {
	accepted, rejected := apisv1alpha2.ClaimAccepted, apisv1alpha2.ClaimRejected
	some := map[string]string{"app": "x"}
	other := answer("configmaps", accepted, nil, "*")
	for name, tc := range map[string]struct {
		have apisv1alpha2.AcceptablePermissionClaim
		want apisv1alpha2.AcceptablePermissionClaim
		next int
	}{
		"rejected now":     {answer("secrets", accepted, nil, "*"), answer("secrets", rejected, nil, "*"), 2},
		"other verbs":      {answer("secrets", accepted, nil, "*"), answer("secrets", accepted, nil, "get"), 2},
		"another selector": {answer("secrets", accepted, nil, "*"), answer("secrets", accepted, some, "*"), 1},
		"for all objects":  {answer("secrets", accepted, some, "*"), answer("secrets", accepted, nil, "*"), 1},
		"another claim's":  {answer("serviceaccounts", accepted, some), answer("secrets", accepted, nil), 2},
		"as it was":        {answer("secrets", accepted, some), answer("secrets", accepted, some), 2},
	} {
		t.Run(name, func(t *testing.T) {
			want := []apisv1alpha2.AcceptablePermissionClaim{other, tc.want}
			next := nextAnswers([]apisv1alpha2.AcceptablePermissionClaim{other, tc.have}, want)
			if diff := cmp.Diff(want[:tc.next], next); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want, nextAnswers(next, want)); diff != "" {
				t.Errorf("then: %s", diff)
			}
		})
	}
}
