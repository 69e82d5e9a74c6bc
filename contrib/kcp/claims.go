// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
)

func read() []string { return []string{"get", "list", "watch"} }

func write() []string { return append(read(), "create", "update", "patch", "delete") }

// Claims are what the backend needs of a workspace that binds its APIExport, a provider's and a consumer's alike, besides
// kube-bind's own resources. tenancyHash is the identity hash of kcp's tenancy.kcp.io.
func Claims(tenancyHash string) []apisv1alpha2.PermissionClaim {
	return []apisv1alpha2.PermissionClaim{
		// Contract namespaces, and those of consumers' objects.
		claim("", "namespaces", "", write()),
		// A place's identity, and the Secret that hands its kubeconfig over.
		claim("", "serviceaccounts", "", write()),
		claim("", "secrets", "", write()),
		// Copies of claimed ConfigMaps are taken away with their consumer.
		claim("", "configmaps", "", append(read(), "delete")),
		// What the user of an object is told. The claim is good for events of events.k8s.io, too, which the backend writes.
		claim("", "events", "", []string{"create", "patch"}),
		// A consumer's rights: in its contract namespace, on what it has bound, and on nothing else. With them the backend
		// allows itself to ask for consumers' tokens, which is done in the workspace and not through the export.
		claim("rbac.authorization.k8s.io", "roles", "", write()),
		claim("rbac.authorization.k8s.io", "rolebindings", "", write()),
		claim("rbac.authorization.k8s.io", "clusterroles", "", write()),
		claim("rbac.authorization.k8s.io", "clusterrolebindings", "", write()),
		// The fence around claimed objects, which RBAC cannot draw.
		claim("admissionregistration.k8s.io", "validatingadmissionpolicies", "", write()),
		claim("admissionregistration.k8s.io", "validatingadmissionpolicybindings", "", write()),
		// Whether who signed in may bind a template.
		claim("authorization.k8s.io", "subjectaccessreviews", "", []string{"create"}),
		// Where schemas come from.
		claim("apiextensions.k8s.io", "customresourcedefinitions", "", read()),
		claim("apis.kcp.io", "apiresourceschemas", "", read()),
		claim("apis.kcp.io", "apiexports", "", read()),
		// A consumer's workspace binds what its provider exports. A binding that a provider offers is read.
		claim("apis.kcp.io", "apibindings", "", append(read(), "create", "update")),
		// Whose place a workspace is: what its type is, and which workspace it lies in.
		claim("core.kcp.io", "logicalclusters", "", []string{"get"}),
		// A consumer's place is a workspace.
		claim("tenancy.kcp.io", "workspaces", tenancyHash, write()),
	}
}

func claim(group, resource, identity string, verbs []string) apisv1alpha2.PermissionClaim {
	return apisv1alpha2.PermissionClaim{
		GroupResource: apisv1alpha2.GroupResource{Group: group, Resource: resource}, Verbs: verbs, IdentityHash: identity,
	}
}

// Accepted are claims as an APIBinding accepts them all.
func Accepted(claims []apisv1alpha2.PermissionClaim) []apisv1alpha2.AcceptablePermissionClaim {
	out := make([]apisv1alpha2.AcceptablePermissionClaim, 0, len(claims))
	for _, c := range claims {
		out = append(out, apisv1alpha2.AcceptablePermissionClaim{
			ScopedPermissionClaim: apisv1alpha2.ScopedPermissionClaim{PermissionClaim: c, Selector: apisv1alpha2.PermissionClaimSelector{MatchAll: true}},
			State:                 apisv1alpha2.ClaimAccepted,
		})
	}
	return out
}
