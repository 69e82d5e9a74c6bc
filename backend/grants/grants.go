// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// What a konnector does with objects. Server-side apply is patch, and create too for a new object. The status belongs
// to the provider: there is nothing on subresources.
func readVerbs() []string  { return []string{"get", "list", "watch"} }
func writeVerbs() []string { return []string{"create", "delete", "patch", "update"} }
func allVerbs() []string   { return append(readVerbs(), writeVerbs()...) }

// Resource is an exported resource as the provider has it.
type Resource struct {
	schema.GroupResource
	// Namespaced is whether the provider's objects are in namespaces.
	Namespaced bool
}

// Input is all that the rights of an export depend on.
type Input struct {
	// Export names the APIServiceExport; its namespace is the contract namespace.
	Export types.NamespacedName
	// InformerScope and Isolation are those of the export.
	InformerScope kubebindv1alpha2.InformerScope
	Isolation     kubebindv1alpha2.Isolation
	// Resources of the export.
	Resources []Resource
	// Claims are the permission claims of the export.
	Claims []kubebindv1alpha2.PermissionClaim
	// ServiceNamespaces are the namespaces that were made for the consumer's objects, or are lent to it.
	ServiceNamespaces []string
	// Lent are those of them that are lent: objects of the provider, and of other consumers, lie there as well.
	Lent []string
	// Fenced is whether the fence stands. Without it there are no rights on cluster-scoped resources, nor on claimed ones, nor in namespaces
	// that are lent.
	Fenced bool
}

// Resources returns the provider's resources behind the schemas of an export. With isolation Namespaced a schema says
// Cluster though the provider's resource is namespaced.
func Resources(isolation kubebindv1alpha2.Isolation, schemas []kubebindv1alpha2.BoundSchema) []Resource {
	out := make([]Resource, 0, len(schemas))
	for i := range schemas {
		spec := &schemas[i].Spec
		out = append(out, Resource{
			GroupResource: schema.GroupResource{Group: spec.Group, Resource: spec.Names.Plural},
			Namespaced:    spec.Scope == apiextensionsv1.NamespaceScoped || isolation == kubebindv1alpha2.IsolationNamespaced,
		})
	}
	return out
}

// Namespaces returns the namespaces in which the consumer needs rights on objects.
func (in Input) Namespaces() []string {
	switch {
	case len(in.namespaced()) == 0:
		return nil
	case in.Isolation == kubebindv1alpha2.IsolationNamespaced:
		return []string{in.Export.Namespace}
	}
	return in.ServiceNamespaces
}

// AllNamespaces returns the namespaces in which the consumer needs any rights, on objects or on what is claimed.
func (in Input) AllNamespaces() []string {
	if !OnClaimed(in.Claims) {
		return in.Namespaces()
	}
	all := append(slices.Clone(in.Namespaces()), in.ServiceNamespaces...)
	slices.Sort(all)
	return slices.Compact(all)
}

// rulesIn are the rights in one namespace. Claimed objects lie in service namespaces only: never in the contract
// namespace, where the consumer's own credential is.
func (in Input) rulesIn(namespace string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	if slices.Contains(in.Namespaces(), namespace) && (in.Fenced || !slices.Contains(in.Lent, namespace)) {
		out = in.namespaceRules()
	}
	if in.Fenced && slices.Contains(in.ServiceNamespaces, namespace) && namespace != in.Export.Namespace {
		out = append(out, claimRules(in.Claims)...)
	}
	return out
}

// Desired returns all objects that the export needs, in the order in which to create them: the fence comes before the
// rights. Equal input gives equal output.
func Desired(in Input) []client.Object {
	out := fence(in)
	if wide := clusterRules(in); len(wide) > 0 {
		meta := in.meta("", clusterName(in.Export))
		out = append(out,
			&rbacv1.ClusterRole{ObjectMeta: meta, Rules: wide},
			&rbacv1.ClusterRoleBinding{
				ObjectMeta: *meta.DeepCopy(), Subjects: in.subjects(),
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
			})
	}
	for _, namespace := range in.AllNamespaces() {
		granted := in.rulesIn(namespace)
		if len(granted) == 0 {
			continue
		}
		meta := in.meta(namespace, NamespacedRoleName(in.Export))
		out = append(out,
			&rbacv1.Role{ObjectMeta: meta, Rules: granted},
			&rbacv1.RoleBinding{
				ObjectMeta: *meta.DeepCopy(), Subjects: in.subjects(),
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			})
	}
	return out
}

func clusterRules(in Input) []rbacv1.PolicyRule {
	if in.InformerScope != kubebindv1alpha2.ClusterScope {
		return nil
	}
	out := rules(in.namespaced(), readVerbs())
	if in.Fenced {
		out = append(out, rules(in.clusterScoped(), allVerbs())...)
	}
	return out
}

func (in Input) namespaceRules() []rbacv1.PolicyRule {
	if in.InformerScope == kubebindv1alpha2.ClusterScope {
		return rules(in.namespaced(), writeVerbs())
	}
	return rules(in.namespaced(), allVerbs())
}

// rules has one rule a resource, sorted.
func rules(resources []schema.GroupResource, verbs []string) []rbacv1.PolicyRule {
	out := make([]rbacv1.PolicyRule, 0, len(resources))
	for _, r := range resources {
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{r.Group}, Resources: []string{r.Resource}, Verbs: verbs})
	}
	return out
}

func (in Input) namespaced() []schema.GroupResource    { return in.resources(true) }
func (in Input) clusterScoped() []schema.GroupResource { return in.resources(false) }

func (in Input) resources(namespaced bool) []schema.GroupResource {
	var out []schema.GroupResource
	for _, r := range in.Resources {
		if r.Namespaced == namespaced {
			out = append(out, r.GroupResource)
		}
	}
	slices.SortFunc(out, func(a, b schema.GroupResource) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

func (in Input) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   namespace,
		Name:        name,
		Labels:      Labels(in.Export),
		Annotations: map[string]string{kubebindv1alpha2.ExportLabel: in.Export.Name},
	}
}

func (in Input) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: in.Export.Namespace, Name: kubebindv1alpha2.BinderName}}
}
