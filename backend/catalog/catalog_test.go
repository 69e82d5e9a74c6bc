// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func resource(name string, versions ...string) kubebindv1alpha2.ExportedResource {
	gr := schema.ParseGroupResource(name)
	return kubebindv1alpha2.ExportedResource{
		GroupResource: kubebindv1alpha2.GroupResource{Group: gr.Group, Resource: gr.Resource}, Versions: versions,
	}
}

func claim(group, name, label string) kubebindv1alpha2.PermissionClaim {
	out := kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Group: group, Resource: name}}
	if label != "" {
		out.Selector.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": label}}
	}
	return out
}

func template(name string, mods ...func(*kubebindv1alpha2.APIServiceExportTemplateSpec)) kubebindv1alpha2.APIServiceExportTemplate {
	out := kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, mod := range mods {
		mod(&out.Spec)
	}
	return out
}

func offers(r ...kubebindv1alpha2.ExportedResource) func(*kubebindv1alpha2.APIServiceExportTemplateSpec) {
	return func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) { s.Resources = r }
}

func claims(c ...kubebindv1alpha2.PermissionClaim) func(*kubebindv1alpha2.APIServiceExportTemplateSpec) {
	return func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) { s.PermissionClaims = c }
}

func brings(names ...string) func(*kubebindv1alpha2.APIServiceExportTemplateSpec) {
	return func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		for _, n := range names {
			s.Namespaces = append(s.Namespaces, kubebindv1alpha2.Namespace{Name: n})
		}
	}
}

func follows(p kubebindv1alpha2.SchemaUpdatePolicy) func(*kubebindv1alpha2.APIServiceExportTemplateSpec) {
	return func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) { s.SchemaUpdatePolicy = p }
}

// ask makes a request in the words of a template.
func ask(mods ...func(*kubebindv1alpha2.APIServiceExportTemplateSpec)) kubebindv1alpha2.APIServiceExportRequestSpec {
	t := template("", mods...)
	return RequestFor(&t.Spec)
}

func TestCover(t *testing.T) {
	a, b := resource("as.x.org"), resource("bs.x.org")
	for name, tc := range map[string]struct {
		granted []kubebindv1alpha2.APIServiceExportTemplate
		request kubebindv1alpha2.APIServiceExportRequestSpec
		want    []kubebindv1alpha2.ExportedResource
		// refused is part of the message.
		refused string
	}{
		"nothing granted":              {nil, ask(offers(a)), nil, "granted no template"},
		"all of a template":            {of(template("t", offers(a, b))), ask(offers(a, b)), res(a, b), ""},
		"a part of a template":         {of(template("t", offers(a, b))), ask(offers(b)), res(b), ""},
		"the second template":          {of(template("s", offers(a)), template("t", offers(b))), ask(offers(b)), res(b), ""},
		"parts of two templates":       {of(template("s", offers(a)), template("t", offers(b))), ask(offers(a, b)), nil, `"s" does not have bs.x.org; template "t" does not have as.x.org`},
		"another resource":             {of(template("t", offers(a))), ask(offers(b)), nil, "does not have bs.x.org"},
		"same resource, another group": {of(template("t", offers(a))), ask(offers(resource("as.y.org"))), nil, "does not have as.y.org"},
		"versions of the template":     {of(template("t", offers(resource("as.x.org", "v1")))), ask(offers(a)), res(resource("as.x.org", "v1")), ""},
		"any version":                  {of(template("t", offers(a))), ask(offers(resource("as.x.org", "v2"))), res(resource("as.x.org", "v2")), ""},
		"one version of two":           {of(template("t", offers(resource("as.x.org", "v1", "v2")))), ask(offers(resource("as.x.org", "v2"))), res(resource("as.x.org", "v2")), ""},
		"a version too many":           {of(template("t", offers(resource("as.x.org", "v1")))), ask(offers(resource("as.x.org", "v1", "v2"))), nil, "does not have version v2 of as.x.org"},
		"the claim":                    {of(template("t", offers(a), claims(claim("", "secrets", "x")))), ask(offers(a), claims(claim("core", "secrets", "x"))), res(a), ""},
		"fewer claims":                 {of(template("t", offers(a), claims(claim("", "secrets", "x")))), ask(offers(a)), res(a), ""},
		"a wider claim":                {of(template("t", offers(a), claims(claim("", "secrets", "x")))), ask(offers(a), claims(claim("", "secrets", ""))), nil, "does not have this claim on secrets"},
		"another claim":                {of(template("t", offers(a))), ask(offers(a), claims(claim("", "secrets", "x"))), nil, "does not have this claim on secrets"},
		"the namespace":                {of(template("t", offers(a), brings("n", "m"))), ask(offers(a), brings("m")), res(a), ""},
		"another namespace":            {of(template("t", offers(a), brings("n"))), ask(offers(a), brings("kube-system")), nil, `does not have the namespace "kube-system"`},
		"another update policy":        {of(template("t", offers(a))), ask(offers(a), follows(kubebindv1alpha2.SchemaUpdateAlways)), nil, "has schemaUpdatePolicy Never, not Always"},
		"the update policy":            {of(template("t", offers(a), follows(kubebindv1alpha2.SchemaUpdateAlways))), ask(offers(a), follows(kubebindv1alpha2.SchemaUpdateAlways)), res(a), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, refusal := Cover(&tc.request, tc.granted)
			if tc.refused != "" {
				if refusal == nil || refusal.Reason != kubebindv1alpha2.ReasonNotOffered || !strings.Contains(refusal.Message, tc.refused) {
					t.Errorf("got %+v, want NotOffered with %q", refusal, tc.refused)
				}
				return
			}
			if refusal != nil {
				t.Fatalf("refused: %+v", refusal)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func of(t ...kubebindv1alpha2.APIServiceExportTemplate) []kubebindv1alpha2.APIServiceExportTemplate {
	return t
}

func res(r ...kubebindv1alpha2.ExportedResource) []kubebindv1alpha2.ExportedResource { return r }

func TestEveryTemplateCoversItself(t *testing.T) {
	tmpl := template("t", offers(resource("as.x.org", "v1"), resource("bs.y.org")), claims(claim("core", "secrets", "x")),
		brings("n"), follows(kubebindv1alpha2.SchemaUpdateAlways))
	request := RequestFor(&tmpl.Spec)
	if _, refusal := Cover(&request, of(tmpl)); refusal != nil {
		t.Errorf("refused: %+v", refusal)
	}
}

func crd(name string, scope apiextensionsv1.ResourceScope, versions ...string) *apiextensionsv1.CustomResourceDefinition {
	gr := schema.ParseGroupResource(name)
	out := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}}
	out.Spec.Group, out.Spec.Names.Plural, out.Spec.Names.Kind, out.Spec.Scope = gr.Group, gr.Resource, "Kind", scope
	for i, v := range versions {
		out.Spec.Versions = append(out.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: v, Served: true, Storage: i == 0,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
		})
	}
	return out
}

func TestSchemas(t *testing.T) {
	const cluster, namespaced = apiextensionsv1.ClusterScoped, apiextensionsv1.NamespaceScoped
	sources := Sources{}
	for _, c := range []*apiextensionsv1.CustomResourceDefinition{
		crd("as.x.org", namespaced, "v1", "v2"), crd("bs.x.org", namespaced, "v1"), crd("cs.x.org", cluster, "v1"),
		crd("bindings.kube-bind.io", namespaced, "v1"),
	} {
		sources[schema.ParseGroupResource(c.Name)] = c
	}
	standard := Terms{kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationPrefixed}
	wide := Terms{kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed}
	flat := Terms{kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNamespaced}
	for name, tc := range map[string]struct {
		terms     Terms
		resources []kubebindv1alpha2.ExportedResource
		reason    string
	}{
		"two namespaced":                      {standard, res(resource("as.x.org"), resource("bs.x.org")), ""},
		"cluster-scoped":                      {wide, res(resource("cs.x.org")), ""},
		"namespaced as cluster-scoped":        {flat, res(resource("as.x.org")), ""},
		"not there":                           {standard, res(resource("zs.x.org")), kubebindv1alpha2.ReasonSchemaNotFound},
		"core group":                          {standard, res(resource("secrets")), kubebindv1alpha2.ReasonSchemaNotFound},
		"version not there":                   {standard, res(resource("as.x.org", "v3")), kubebindv1alpha2.ReasonVersionNotFound},
		"version there":                       {standard, res(resource("as.x.org", "v2")), ""},
		"two scopes":                          {wide, res(resource("as.x.org"), resource("cs.x.org")), kubebindv1alpha2.ReasonDifferentScopes},
		"cluster-scoped, watching namespaces": {standard, res(resource("cs.x.org")), kubebindv1alpha2.ReasonScopeNotSupported},
		"cluster-scoped in a namespace":       {flat, res(resource("cs.x.org")), kubebindv1alpha2.ReasonScopeNotSupported},
		"kube-bind's own":                     {standard, res(resource("bindings.kube-bind.io")), kubebindv1alpha2.ReasonSchemaInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			schemas, refusal := tc.terms.Schemas(tc.resources, sources)
			got := ""
			if refusal != nil {
				got = refusal.Reason
			}
			if got != tc.reason {
				t.Fatalf("got %+v, want reason %q", refusal, tc.reason)
			}
			if refusal == nil && len(schemas) != len(tc.resources) {
				t.Errorf("got %d schemas", len(schemas))
			}
		})
	}
}

func TestCheckClaims(t *testing.T) {
	exported := []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "x.org", Resource: "widgets"}}}
	from := func(group, resource string) []kubebindv1alpha2.PermissionClaim {
		c := claim("", "secrets", "")
		c.Selector.References = []kubebindv1alpha2.SelectorReference{{GroupResource: kubebindv1alpha2.GroupResource{Group: group, Resource: resource}}}
		return []kubebindv1alpha2.PermissionClaim{c}
	}
	for name, tc := range map[string]struct {
		claims []kubebindv1alpha2.PermissionClaim
		reason string
	}{
		"none":                   {nil, ""},
		"all that can be":        {[]kubebindv1alpha2.PermissionClaim{claim("", "secrets", ""), claim("core", "configmaps", ""), claim("", "serviceaccounts", "")}, ""},
		"what is exported":       {[]kubebindv1alpha2.PermissionClaim{claim("x.org", "widgets", "")}, ""},
		"what is not exported":   {[]kubebindv1alpha2.PermissionClaim{claim("x.org", "gadgets", "")}, kubebindv1alpha2.ReasonInvalidPermissionClaim},
		"by what is exported":    {from("x.org", "widgets"), ""},
		"by what is not":         {from("x.org", "gadgets"), kubebindv1alpha2.ReasonInvalidPermissionClaim},
		"pods":                   {[]kubebindv1alpha2.PermissionClaim{claim("", "pods", "")}, kubebindv1alpha2.ReasonInvalidPermissionClaim},
		"secrets of other group": {[]kubebindv1alpha2.PermissionClaim{claim("x.org", "secrets", "")}, kubebindv1alpha2.ReasonInvalidPermissionClaim},
		"twice, written in two ways": {
			[]kubebindv1alpha2.PermissionClaim{claim("", "secrets", "a"), claim("core", "secrets", "b")},
			kubebindv1alpha2.ReasonDuplicatePermissionClaim,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if refusal := CheckClaims(tc.claims, exported); refusal != nil {
				got = refusal.Reason
			}
			if got != tc.reason {
				t.Errorf("got %q, want %q", got, tc.reason)
			}
		})
	}
}

func TestGrant(t *testing.T) {
	binding := &kubebindv1alpha2.ClusterBinding{}
	binding.Spec.ServiceProviderSpec = runtime.RawExtension{Raw: []byte(`{"plan":"gold"}`)}
	for i, step := range []struct {
		template string
		changed  bool
		want     []string
	}{
		{"b", true, []string{"b"}},
		{"a", true, []string{"a", "b"}},
		{"b", false, []string{"a", "b"}},
	} {
		changed, err := Grant(binding, step.template)
		if err != nil || changed != step.changed {
			t.Fatalf("step %d: changed %v, error %v", i, changed, err)
		}
		got, err := Granted(binding)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Fatalf("step %d: %s", i, diff)
		}
	}
	if raw := string(binding.Spec.ServiceProviderSpec.Raw); !strings.Contains(raw, `"plan":"gold"`) {
		t.Errorf("what others wrote is lost: %s", raw)
	}
}

func TestGrantedOfBrokenSpec(t *testing.T) {
	for _, raw := range []string{`[]`, `{"grantedTemplates":"all"}`, `{`} {
		binding := &kubebindv1alpha2.ClusterBinding{}
		binding.Spec.ServiceProviderSpec.Raw = []byte(raw)
		if names, err := Granted(binding); err == nil {
			t.Errorf("%s: got %v, want an error", raw, names)
		}
		if _, err := Grant(binding, "t"); err == nil {
			t.Errorf("%s: want an error of Grant", raw)
		}
	}
}
