// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/providers/kcp"
)

// schemas are the APIResourceSchemas of CRDs, as objects to apply and as the APIExport names them.
func schemas(all []*apiextensionsv1.CustomResourceDefinition) ([]client.Object, []apisv1alpha2.ResourceSchema, error) {
	var objects []client.Object
	var resources []apisv1alpha2.ResourceSchema
	for _, crd := range all {
		schema, err := Schema(crd)
		if err != nil {
			return nil, nil, err
		}
		objects, resources = append(objects, schema), append(resources, Resource(schema))
	}
	return objects, resources, nil
}

// export is the APIExport of kube-bind's own API.
func export(resources []apisv1alpha2.ResourceSchema, claims []apisv1alpha2.PermissionClaim) *apisv1alpha2.APIExport {
	return &apisv1alpha2.APIExport{
		ObjectMeta: metav1.ObjectMeta{Name: kcp.ExportName},
		Spec:       apisv1alpha2.APIExportSpec{Resources: resources, PermissionClaims: claims},
	}
}

// consumerType is what consumers' workspaces are: workspaces with kube-bind's API, and nothing that a person needs. Who may use
// it makes places that the backend trusts, so that only the backend may.
func consumerType(path string) *tenancyv1alpha1.WorkspaceType {
	follow := tenancyv1alpha1.APIBindingLifecycleModeMaintain
	return &tenancyv1alpha1.WorkspaceType{
		ObjectMeta: metav1.ObjectMeta{Name: kcp.ConsumerType},
		Spec: tenancyv1alpha1.WorkspaceTypeSpec{
			DefaultAPIBindings:         []tenancyv1alpha1.APIExportReference{{Path: path, Export: kcp.ExportName}},
			DefaultAPIBindingLifecycle: &follow,
		},
	}
}

// rights are what the backend may do in this workspace, and who may bind its API in theirs.
func rights(backend rbacv1.Subject, groups []string) []client.Object {
	account := []rbacv1.Subject{backend}
	binders := make([]rbacv1.Subject, 0, len(groups))
	for _, g := range groups {
		binders = append(binders, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: g})
	}
	return []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: Account}, Rules: []rbacv1.PolicyRule{
			// To come in.
			{NonResourceURLs: []string{"/"}, Verbs: []string{"access"}},
			// Where the workspaces are that bind the API, and what is in them as far as they accept the claims.
			{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexportendpointslices"}, Verbs: read()},
			{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexports"}, ResourceNames: []string{kcp.ExportName}, Verbs: []string{"get"}},
			{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexports/content"}, ResourceNames: []string{kcp.ExportName}, Verbs: write()},
			// A consumer's workspace binds it when it is made.
			{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexports"}, ResourceNames: []string{kcp.ExportName}, Verbs: []string{"bind"}},
			{APIGroups: []string{"tenancy.kcp.io"}, Resources: []string{"workspacetypes"}, ResourceNames: []string{kcp.ConsumerType}, Verbs: []string{"use"}},
		}},
		clusterRoleBinding(Account, account),
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Account}, Rules: []rbacv1.PolicyRule{
			// One replica works at a time, or on a workspace at a time.
			{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "list", "create", "update", "delete"}},
			{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
			// Keys of sessions, and ended ones, which replicas share.
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"kube-bind-session-keys", "kube-bind-ended-sessions"}, Verbs: []string{"get", "update"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Account}, Subjects: account,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: Account},
		},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: BindersRole}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexports"}, ResourceNames: []string{kcp.ExportName}, Verbs: []string{"bind"}},
		}},
		clusterRoleBinding(BindersRole, binders),
	}
}

func clusterRoleBinding(name string, subjects []rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}
}

// backend is the backend as RBAC names it.
func backend(user string) rbacv1.Subject {
	if user != "" {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}
	}
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: Namespace, Name: Account}
}

// identity is the backend's namespace and, unless it is a user, its ServiceAccount with a token.
func identity(user string) []client.Object {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if user != "" {
		return []client.Object{namespace}
	}
	return []client.Object{
		namespace,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Account}},
		tokenSecret(),
	}
}

func tokenSecret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Account, Annotations: map[string]string{corev1.ServiceAccountNameKey: Account}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}
}
