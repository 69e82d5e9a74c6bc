// SPDX-License-Identifier: Apache-2.0

package kcpinit_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/deploy/crds"
)

// crdsOf are kube-bind's own CRDs, and some that are large and widely used.
func crdsOf(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	out, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../test/e2e/testdata/crds/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("there are %d CRDs of others: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, crd)
	}
	return out
}

// The name of a schema is that of its CRD after a hash that follows its content, and nothing else.
func TestSchemaNames(t *testing.T) {
	named := regexp.MustCompile(`^v[0-9a-f]{12}\.`)
	seen := map[string]bool{}
	for _, crd := range crdsOf(t) {
		before := crd.DeepCopy()
		first, err := kcpinit.Schema(crd)
		if err != nil {
			t.Fatalf("%s: %v", crd.Name, err)
		}
		if !equality.Semantic.DeepEqual(before, crd) {
			t.Errorf("%s was changed", crd.Name)
		}
		if !named.MatchString(first.Name) || named.ReplaceAllString(first.Name, "") != crd.Spec.Names.Plural+"."+crd.Spec.Group || seen[first.Name] {
			t.Errorf("the schema of %s is called %s", crd.Name, first.Name)
		}
		seen[first.Name] = true
		for name, change := range map[string]func(*apiextensionsv1.CustomResourceDefinition){
			"none":        func(*apiextensionsv1.CustomResourceDefinition) {},
			"annotations": func(c *apiextensionsv1.CustomResourceDefinition) { c.Annotations = map[string]string{"a": "b"} },
			"status": func(c *apiextensionsv1.CustomResourceDefinition) {
				c.Status.StoredVersions = []string{"v1"}
			},
			"default conversion": func(c *apiextensionsv1.CustomResourceDefinition) {
				if c.Spec.Conversion == nil {
					c.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
				}
			},
		} {
			same := crd.DeepCopy()
			change(same)
			if second, err := kcpinit.Schema(same); err != nil || second.Name != first.Name || !equality.Semantic.DeepEqual(first.Spec, second.Spec) {
				t.Errorf("%s, %s: another schema, %s: %v", crd.Name, name, second.Name, err)
			}
		}
		for name, change := range map[string]func(*apiextensionsv1.CustomResourceDefinition){
			"description": func(c *apiextensionsv1.CustomResourceDefinition) {
				c.Spec.Versions[0].Schema.OpenAPIV3Schema.Description += "."
			},
			"short name": func(c *apiextensionsv1.CustomResourceDefinition) {
				c.Spec.Names.ShortNames = append(slices.Clone(c.Spec.Names.ShortNames), "x")
			},
			"served": func(c *apiextensionsv1.CustomResourceDefinition) {
				c.Spec.Versions[0].Served = !c.Spec.Versions[0].Served
			},
		} {
			other := crd.DeepCopy()
			change(other)
			if second, err := kcpinit.Schema(other); err != nil || second.Name == first.Name {
				t.Errorf("%s with another %s has the same schema %s: %v", crd.Name, name, second.Name, err)
			}
		}
	}
}

// A schema keeps all versions with all that is in them, and the APIExport names it.
func TestSchemaContent(t *testing.T) {
	for _, crd := range crdsOf(t) {
		s, err := kcpinit.Schema(crd)
		if err != nil {
			t.Fatalf("%s: %v", crd.Name, err)
		}
		if s.Spec.Group != crd.Spec.Group || s.Spec.Scope != crd.Spec.Scope || !equality.Semantic.DeepEqual(s.Spec.Names, crd.Spec.Names) || len(s.Spec.Versions) != len(crd.Spec.Versions) {
			t.Errorf("%s became %+v", crd.Name, s.Spec)
			continue
		}
		for i, v := range crd.Spec.Versions {
			have, err := s.Spec.Versions[i].GetSchema()
			if err != nil || !equality.Semantic.DeepEqual(have, v.Schema.OpenAPIV3Schema) {
				t.Errorf("the schema of %s in %s differs: %v", v.Name, crd.Name, err)
			}
			if s.Spec.Versions[i].Name != v.Name || s.Spec.Versions[i].Served != v.Served || s.Spec.Versions[i].Storage != v.Storage {
				t.Errorf("version %s of %s became %+v", v.Name, crd.Name, s.Spec.Versions[i])
			}
		}
		r := kcpinit.Resource(s)
		if r.Name != crd.Spec.Names.Plural || r.Group != crd.Spec.Group || r.Schema != s.Name || r.Storage.CRD == nil {
			t.Errorf("the APIExport has %+v", r)
		}
	}
}

// Each resource is claimed once, and only with verbs that are named.
func TestClaims(t *testing.T) {
	known := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	seen := map[string]bool{}
	for _, c := range kcpinit.Claims("hash") {
		name := c.Resource + "." + c.Group
		if seen[name] {
			t.Errorf("%s is claimed twice", name)
		}
		seen[name] = true
		if len(c.Verbs) == 0 {
			t.Errorf("%s is claimed for nothing", name)
		}
		for i, verb := range c.Verbs {
			if !slices.Contains(known, verb) || slices.Contains(c.Verbs[:i], verb) {
				t.Errorf("%s is claimed with %v", name, c.Verbs)
			}
		}
		if (c.IdentityHash == "hash") != (c.Group == "tenancy.kcp.io") {
			t.Errorf("%s is claimed with the identity %q", name, c.IdentityHash)
		}
	}
	for i, a := range kcpinit.Accepted(kcpinit.Claims("hash")) {
		if !equality.Semantic.DeepEqual(a.PermissionClaim, kcpinit.Claims("hash")[i]) || a.State != "Accepted" || !a.Selector.MatchAll {
			t.Errorf("accepted is %+v", a)
		}
	}
}
