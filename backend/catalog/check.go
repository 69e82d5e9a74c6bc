// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kube-bind.io/kube-bind/apis/boundschema"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Sources are the CRDs that are offered, by resource.
type Sources = providers.Schemas

// Terms are how a provider exports.
type Terms struct {
	// InformerScope is how widely konnectors may watch.
	InformerScope kubebindv1alpha2.InformerScope
	// Isolation is how objects of different consumers are kept apart.
	Isolation kubebindv1alpha2.Isolation
}

// Schemas returns what consumers get of these resources, in their order, or why they cannot be exported together under
// these terms.
func (t Terms) Schemas(resources []kubebindv1alpha2.ExportedResource, sources Sources) ([]kubebindv1alpha2.BoundSchema, *Refusal) {
	out := make([]kubebindv1alpha2.BoundSchema, 0, len(resources))
	scopes := map[apiextensionsv1.ResourceScope]string{}
	for _, r := range resources {
		schema, refusal := t.Schema(r, sources)
		if refusal != nil {
			return nil, refusal
		}
		out = append(out, *schema)
		scopes[schema.Spec.Scope] = schema.Name
	}
	if len(scopes) > 1 {
		return nil, refuse(kubebindv1alpha2.ReasonDifferentScopes, "%s is cluster-scoped and %s is namespaced; export them with two templates",
			scopes[apiextensionsv1.ClusterScoped], scopes[apiextensionsv1.NamespaceScoped])
	}
	return out, nil
}

// Notices says what of the sources of these schemas is not offered, and why; empty if all is.
func Notices(schemas []kubebindv1alpha2.BoundSchema) string {
	var out []string
	for i := range schemas {
		if notice := schemas[i].Annotations[kubebindv1alpha2.SchemaNoticeAnnotation]; notice != "" {
			out = append(out, notice)
		}
	}
	return strings.Join(out, "; ")
}

// Schema returns what consumers get of one resource, or why it cannot be exported under these terms.
func (t Terms) Schema(r kubebindv1alpha2.ExportedResource, sources Sources) (*kubebindv1alpha2.BoundSchema, *Refusal) {
	gr := r.GroupResource.GroupResource()
	crd, found := sources[gr]
	if !found {
		return nil, refuse(kubebindv1alpha2.ReasonSchemaNotFound, "there is no CRD %s with the label %s=true", gr, kubebindv1alpha2.ExportedLabel)
	}
	bound, err := boundschema.FromCRD(crd, boundschema.Options{InformerScope: t.InformerScope, Isolation: t.Isolation, Versions: r.Versions})
	if refused, ok := errors.AsType[*boundschema.RefusedError](err); ok {
		return nil, refuse(refused.Reason, "%s", refused.Error())
	} else if err != nil {
		return nil, refuse(kubebindv1alpha2.ReasonSchemaInvalid, "%s", err)
	}
	return bound, nil
}

// CheckClaims tells whether all claims of an export of these resources can be granted.
func CheckClaims(claims []kubebindv1alpha2.PermissionClaim, resources []kubebindv1alpha2.ExportedResource) *Refusal {
	exported := func(gr schema.GroupResource) bool {
		return slices.ContainsFunc(resources, func(r kubebindv1alpha2.ExportedResource) bool { return r.GroupResource.GroupResource() == gr })
	}
	seen := map[schema.GroupResource]bool{}
	for _, c := range claims {
		gr := c.GroupResource.GroupResource()
		if !kubebindv1alpha2.Claimable(c.GroupResource, resources) {
			return refuse(kubebindv1alpha2.ReasonInvalidPermissionClaim, "%s cannot be claimed, only %s, and what the same export offers",
				gr, strings.Join(kubebindv1alpha2.ClaimableResources(), ", "))
		}
		for _, reference := range c.Selector.References {
			if from := reference.GroupResource.GroupResource(); !exported(from) {
				return refuse(kubebindv1alpha2.ReasonInvalidPermissionClaim, "%s cannot be claimed by references from %s, which the same export does not offer", gr, from)
			}
		}
		if seen[gr] {
			return refuse(kubebindv1alpha2.ReasonDuplicatePermissionClaim, "%s is claimed twice", gr)
		}
		seen[gr] = true
	}
	return nil
}
