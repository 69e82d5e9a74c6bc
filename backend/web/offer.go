// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"errors"
	"net/http"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/reply"
)

// offer is what the page of a template shows.
type offer struct {
	*kubebindv1alpha2.APIServiceExportTemplate
	// Trouble says why it cannot be bound now.
	Trouble   string
	Resources []resource
	Claims    []claim
	// Binding is the name in the form, and Problem what was wrong with the last attempt.
	Binding string
	Problem *kubebindv1alpha2.Error
}

// resource is one that a template offers.
type resource struct {
	kubebindv1alpha2.ExportedResource
	// Kind is "" if its CRD is not there.
	Kind     string
	Versions []version
}

// version is a version of a resource.
type version struct {
	Name        string
	Description string
	Fields      []field
	// Deprecated says that its maker wants nobody to use it any more.
	Deprecated bool
}

// offer shows a template.
func (s *Site) offer(v *visit) error {
	template, sources, err := v.guest.Offer(v.r.Context(), v.r.PathValue("name"))
	if err != nil {
		return err
	}
	s.showOffer(v, http.StatusOK, newOffer(template, sources))
	return nil
}

func (s *Site) showOffer(v *visit, status int, what offer) {
	s.show(v, showing{name: "offer", title: what.Name, main: what, status: status, outside: v.errand.program != nil})
}

// refused shows a template again, with what was wrong with an attempt to bind it. What is not for people to mend is returned.
func (s *Site) refused(v *visit, name string, problem error) error {
	known, ok := errors.AsType[*kubebindv1alpha2.Error](problem)
	if !ok || nobody(problem) {
		return problem
	}
	template, sources, err := v.guest.Offer(v.r.Context(), v.r.PathValue("name"))
	if err != nil {
		return problem
	}
	status, _ := reply.Explain(v.w, v.r, problem)
	what := newOffer(template, sources)
	what.Binding, what.Problem = name, known
	s.showOffer(v, status, what)
	return nil
}

func newOffer(template *kubebindv1alpha2.APIServiceExportTemplate, sources catalog.Sources) offer {
	out := offer{APIServiceExportTemplate: template, Trouble: trouble(template.Status.Conditions), Binding: template.Name}
	kinds := map[string]string{}
	for _, r := range template.Spec.Resources {
		shown := resource{ExportedResource: r}
		if crd, ok := sources[r.GroupResource.GroupResource()]; ok {
			shown.Kind = crd.Spec.Names.Kind
			shown.Versions = describe(crd, r.Versions)
			kinds[r.GroupResource.String()] = shown.Kind
		}
		out.Resources = append(out.Resources, shown)
	}
	for _, c := range template.Spec.PermissionClaims {
		out.Claims = append(out.Claims, claimInWords(c, kinds))
	}
	return out
}

func describe(crd *apiextensionsv1.CustomResourceDefinition, named []string) []version {
	var out []version
	for _, v := range versionsOf(crd, named) {
		shown := version{Name: v.Name, Deprecated: v.Deprecated}
		if v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
			shown.Description = v.Schema.OpenAPIV3Schema.Description
			shown.Fields = fieldsOf(v.Schema.OpenAPIV3Schema)
		}
		out = append(out, shown)
	}
	return out
}

// Title is what people call a resource.
func (r resource) Title() string { return cmp.Or(r.Kind, r.GroupResource.String()) }
