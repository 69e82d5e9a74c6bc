// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// OwnerBindingAnnotation, on an APIServiceExportTemplate, is the name of the APIBinding that it was made for.
const OwnerBindingAnnotation = "apibindingtemplate.kube-bind.io/owner-binding"

// Endings of the names of templates that are made for an APIBinding, after its own name: one for each scope, as all resources of
// a template have the same.
const (
	clusterEnding    = "-cluster"
	namespacedEnding = "-namespaced"
)

// offerFacts are what is known when the templates of an APIBinding are decided on.
type offerFacts struct {
	// name of the APIBinding.
	name string
	// binding is nil if it is not there, or not to be offered.
	binding *apisv1alpha2.APIBinding
	// schemas of what it has bound.
	schemas []*apiextensionsv1.CustomResourceDefinition
	// templates are those of the workspace, of which some may be this binding's.
	templates []kubebindv1alpha2.APIServiceExportTemplate
}

// offerPlan is what to do about the templates of an APIBinding.
type offerPlan struct {
	create, update, remove []*kubebindv1alpha2.APIServiceExportTemplate
	// refused says, in sentences, which templates cannot be made.
	refused []string
}

// offered tells whether an APIBinding is one whose API is to be offered: it has brought something that is neither kcp's nor
// kube-bind's own, and its name has none of the prefixes.
func offered(b *apisv1alpha2.APIBinding, ignore []string) bool {
	export := b.Spec.Reference.Export
	return export != nil && !kcpOwn(export.Name) && b.DeletionTimestamp.IsZero() &&
		!slices.ContainsFunc(ignore, func(prefix string) bool { return prefix != "" && strings.HasPrefix(b.Name, prefix) })
}

// planOffers decides which templates an APIBinding has. Of its own ones only what follows from the binding is kept as it is:
// description, claims, namespaces and policy are the provider's to add. Templates of others are left alone.
func planOffers(f offerFacts) offerPlan {
	var out offerPlan
	if f.binding != nil && f.binding.Status.Phase != apisv1alpha2.APIBindingPhaseBound {
		return out // what it brings is not known yet
	}
	wanted := map[string]*kubebindv1alpha2.APIServiceExportTemplate{}
	if f.binding != nil {
		wanted = offersFor(f.binding, f.schemas)
	}
	for i := range f.templates {
		have := &f.templates[i]
		want := wanted[have.Name]
		delete(wanted, have.Name)
		switch {
		case !madeFor(have, f.name):
			if want != nil {
				out.refused = append(out.refused, fmt.Sprintf("The APIServiceExportTemplate %s is there, and was not made for this APIBinding: it is left alone.", have.Name))
			}
		case want == nil:
			if have.DeletionTimestamp.IsZero() {
				out.remove = append(out.remove, have)
			}
		case have.Spec.Scope != want.Spec.Scope || !equality.Semantic.DeepEqual(have.Spec.Resources, want.Spec.Resources) ||
			!equality.Semantic.DeepEqual(have.OwnerReferences, want.OwnerReferences):
			now := have.DeepCopy()
			now.Spec.Scope, now.Spec.Resources, now.OwnerReferences = want.Spec.Scope, want.Spec.Resources, want.OwnerReferences
			out.update = append(out.update, now)
		}
	}
	for _, want := range wanted {
		if problems := validation.IsDNS1123Subdomain(want.Name); len(problems) > 0 {
			out.refused = append(out.refused, fmt.Sprintf("There can be no APIServiceExportTemplate %s: %s.", want.Name, strings.Join(problems, ", ")))
			continue
		}
		out.create = append(out.create, want)
	}
	slices.SortFunc(out.create, func(a, b *kubebindv1alpha2.APIServiceExportTemplate) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(out.refused)
	return out
}

// madeFor tells whether a template was made for an APIBinding of this name.
func madeFor(t *kubebindv1alpha2.APIServiceExportTemplate, binding string) bool {
	return t.Annotations[OwnerBindingAnnotation] == binding &&
		slices.ContainsFunc(t.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "APIBinding" && o.Name == binding })
}

// offersFor are the templates of an APIBinding by their names, with all versions that are served.
func offersFor(b *apisv1alpha2.APIBinding, schemas []*apiextensionsv1.CustomResourceDefinition) map[string]*kubebindv1alpha2.APIServiceExportTemplate {
	out := map[string]*kubebindv1alpha2.APIServiceExportTemplate{}
	for _, crd := range schemas {
		resource := kubebindv1alpha2.ExportedResource{GroupResource: kubebindv1alpha2.GroupResource{Group: crd.Spec.Group, Resource: crd.Spec.Names.Plural}}
		for _, v := range crd.Spec.Versions {
			if v.Served {
				resource.Versions = append(resource.Versions, v.Name)
			}
		}
		name, scope := b.Name+namespacedEnding, kubebindv1alpha2.NamespacedScope
		if crd.Spec.Scope == apiextensionsv1.ClusterScoped {
			name, scope = b.Name+clusterEnding, kubebindv1alpha2.ClusterScope
		}
		if len(resource.Versions) == 0 {
			continue
		}
		if out[name] == nil {
			out[name] = &kubebindv1alpha2.APIServiceExportTemplate{
				ObjectMeta: metav1.ObjectMeta{
					Name: name, Annotations: map[string]string{OwnerBindingAnnotation: b.Name},
					OwnerReferences: []metav1.OwnerReference{{
						APIVersion: apisv1alpha2.SchemeGroupVersion.String(), Kind: "APIBinding", Name: b.Name, UID: b.UID,
					}},
				},
				Spec: kubebindv1alpha2.APIServiceExportTemplateSpec{Scope: scope},
			}
		}
		out[name].Spec.Resources = append(out[name].Spec.Resources, resource)
	}
	for _, t := range out {
		slices.SortFunc(t.Spec.Resources, func(a, b kubebindv1alpha2.ExportedResource) int {
			return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
		})
	}
	return out
}
