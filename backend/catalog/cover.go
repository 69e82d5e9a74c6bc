// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Cover returns the resources to export for a request, as far as one of the granted templates allows it. A request may
// ask for less than a template offers, but not for parts of two. A resource that is asked for without versions gets those
// of the template.
func Cover(request *kubebindv1alpha2.APIServiceExportRequestSpec, granted []kubebindv1alpha2.APIServiceExportTemplate) ([]kubebindv1alpha2.ExportedResource, *Refusal) {
	if len(granted) == 0 {
		return nil, refuse(kubebindv1alpha2.ReasonNotOffered, "this consumer was granted no template that exists")
	}
	var complaints []string
	for i := range granted {
		resources, complaint := covers(&granted[i].Spec, request)
		if complaint == "" {
			return resources, nil
		}
		complaints = append(complaints, fmt.Sprintf("template %q %s", granted[i].Name, complaint))
	}
	slices.Sort(complaints)
	return nil, refuse(kubebindv1alpha2.ReasonNotOffered,
		"no granted template covers the request: %s", strings.Join(complaints, "; "))
}

// covers returns the resources to export or else what the template lacks.
func covers(template *kubebindv1alpha2.APIServiceExportTemplateSpec, request *kubebindv1alpha2.APIServiceExportRequestSpec) ([]kubebindv1alpha2.ExportedResource, string) {
	if want, have := policy(request.SchemaUpdatePolicy), policy(template.SchemaUpdatePolicy); want != have {
		return nil, fmt.Sprintf("has schemaUpdatePolicy %s, not %s", have, want)
	}
	resources := make([]kubebindv1alpha2.ExportedResource, 0, len(request.Resources))
	for _, r := range request.Resources {
		offered, complaint := offer(template, r)
		if complaint != "" {
			return nil, complaint
		}
		resources = append(resources, offered)
	}
	for _, claim := range request.PermissionClaims {
		if !slices.ContainsFunc(template.PermissionClaims, func(c kubebindv1alpha2.PermissionClaim) bool { return sameClaim(c, claim) }) {
			return nil, fmt.Sprintf("does not have this claim on %s", claim.GroupResource.String())
		}
	}
	for _, ns := range request.Namespaces {
		if !slices.ContainsFunc(template.Namespaces, func(n kubebindv1alpha2.Namespace) bool { return n.Name == ns.Name }) {
			return nil, fmt.Sprintf("does not have the namespace %q", ns.Name)
		}
	}
	return resources, ""
}

func offer(template *kubebindv1alpha2.APIServiceExportTemplateSpec, want kubebindv1alpha2.ExportedResource) (kubebindv1alpha2.ExportedResource, string) {
	i := slices.IndexFunc(template.Resources, func(r kubebindv1alpha2.ExportedResource) bool {
		return r.GroupResource.GroupResource() == want.GroupResource.GroupResource()
	})
	if i < 0 {
		return want, fmt.Sprintf("does not have %s", want.GroupResource.String())
	}
	have := template.Resources[i].Versions
	if len(want.Versions) == 0 {
		want.Versions = slices.Clone(have)
		return want, ""
	}
	for _, v := range want.Versions {
		if len(have) > 0 && !slices.Contains(have, v) {
			return want, fmt.Sprintf("does not have version %s of %s", v, want.GroupResource.String())
		}
	}
	return want, ""
}

func sameClaim(a, b kubebindv1alpha2.PermissionClaim) bool {
	return a.GroupResource.GroupResource() == b.GroupResource.GroupResource() &&
		equality.Semantic.DeepEqual(a.Selector, b.Selector)
}

func policy(p kubebindv1alpha2.SchemaUpdatePolicy) kubebindv1alpha2.SchemaUpdatePolicy {
	if p == "" {
		return kubebindv1alpha2.SchemaUpdateNever
	}
	return p
}

// RequestFor returns the request that asks for all that a template offers.
func RequestFor(template *kubebindv1alpha2.APIServiceExportTemplateSpec) kubebindv1alpha2.APIServiceExportRequestSpec {
	t := template.DeepCopy()
	return kubebindv1alpha2.APIServiceExportRequestSpec{
		Resources:          t.Resources,
		PermissionClaims:   t.PermissionClaims,
		Namespaces:         t.Namespaces,
		SchemaUpdatePolicy: policy(t.SchemaUpdatePolicy),
	}
}
