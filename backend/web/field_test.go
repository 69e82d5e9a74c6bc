// SPDX-License-Identifier: Apache-2.0

package web

import (
	"os"
	"reflect"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func schemaOf(t *testing.T, text string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	out := &apiextensionsv1.JSONSchemaProps{}
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFieldsOf(t *testing.T) {
	got := fieldsOf(schemaOf(t, `
type: object
properties:
  apiVersion: {type: string}
  kind: {type: string}
  metadata: {type: object}
  spec:
    type: object
    description: What is wanted.
    required: [size]
    properties:
      engine: {type: string, enum: [small, big], default: small}
      size: {type: integer}
      users:
        type: array
        items: {type: object, properties: {name: {type: string, description: Who it is.}}}
      1:
        type: object
        properties: {2: {type: object, properties: {3: {type: object, properties: {4: {type: string}}}}}}
`))
	want := []field{{
		Name: "spec", Type: "object", Description: "What is wanted.", Open: true,
		Fields: []field{
			{Name: "size", Type: "integer", Required: true},
			{Name: "1", Type: "object", Fields: []field{{Name: "2", Type: "object", Fields: []field{{Name: "3", Type: "object", Deeper: true}}}}},
			{Name: "engine", Type: "string", Values: []string{`"small"`, `"big"`}, Default: `"small"`},
			{Name: "users", Type: "list of object", Fields: []field{{Name: "name", Type: "string", Description: "Who it is."}}},
		},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got := fieldsOf(nil); got != nil {
		t.Errorf("without a schema: got %+v", got)
	}
}

func TestTypeOf(t *testing.T) {
	for text, want := range map[string]string{
		"type: string":                                          "string",
		"{type: string, format: date-time}":                     "string (date time)",
		"{type: string, format: password}":                      "string",
		"{type: integer, format: int64}":                        "integer",
		"type: boolean":                                         "boolean",
		"x-kubernetes-int-or-string: true":                      "integer or string",
		"type: object":                                          "any object",
		"{type: object, properties: {a: {}}}":                   "object",
		"type: array":                                           "list",
		"{type: array, items: {type: string}}":                  "list of string",
		"x-kubernetes-embedded-resource: true":                  "any object of Kubernetes",
		"x-kubernetes-preserve-unknown-fields: true":            "anything",
		"{type: object, additionalProperties: {type: integer}}": "map of integer",
		"{type: object, additionalProperties: true}":            "any object",
		"{type: array, items: {type: object, additionalProperties: {type: array, items: {type: number}}}}": "list of map of list of number",
	} {
		if got := typeOf(schemaOf(t, text)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

// TestRealSchemas has fields from the biggest schemas that there are.
func TestRealSchemas(t *testing.T) {
	for file, want := range map[string]string{
		"clusters.postgresql.cnpg.io":              "superuserSecret",
		"httproutes.gateway.networking.k8s.io":     "parentRefs",
		"clusterissuers.cert-manager.io":           "acme",
		"certificates.cert-manager.io":             "secretName",
		"gatewayclasses.gateway.networking.k8s.io": "controllerName",
	} {
		raw, err := os.ReadFile("../../test/e2e/testdata/crds/" + file + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(raw, crd); err != nil {
			t.Fatal(err)
		}
		for _, v := range describe(crd, nil) {
			found := false
			for _, top := range v.Fields {
				for _, f := range top.Fields {
					found = found || top.Name == "spec" && f.Name == want && f.Description != ""
				}
			}
			if !found {
				t.Errorf("%s %s: there is no spec.%s", file, v.Name, want)
			}
		}
	}
}

func TestVersionsOf(t *testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v2", Served: true}, {Name: "v1", Served: true}, {Name: "v0"}}
	for want, named := range map[string][]string{"v2 v1 ": nil, "v1 ": {"v1"}, "": {"v0"}} {
		got := ""
		for _, v := range versionsOf(crd, named) {
			got += v.Name + " "
		}
		if got != want {
			t.Errorf("of %v: got %q, want %q", named, got, want)
		}
	}
}
