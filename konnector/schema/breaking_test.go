// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// crdOf is a CRD whose version v1 has this schema, in YAML.
func crdOf(t *testing.T, schema string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	props := &apiextensionsv1.JSONSchemaProps{}
	if err := yaml.UnmarshalStrict([]byte(schema), props); err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	crd.Spec.Group, crd.Spec.Scope = "x.org", apiextensionsv1.NamespaceScoped
	crd.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Kind: "Widget"}
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: props},
	}}
	crd.Status.StoredVersions = []string{"v1"}
	return crd
}

func texts(breaks []Break) string {
	var out []string
	for _, b := range breaks {
		out = append(out, strings.TrimPrefix(b.String(), "spec.versions[v1].schema.openAPIV3Schema."))
	}
	return strings.Join(out, "; ")
}

func TestBreaksOfSchemas(t *testing.T) {
	for name, tc := range map[string]struct{ have, want, breaks string }{
		"nothing":                           {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string}}}`, ""},
		"description":                       {`{type: object, description: x}`, `{type: object, description: y}`, ""},
		"optional field added":              {`{type: object}`, `{type: object, properties: {a: {type: string}}}`, ""},
		"field removed":                     {`{type: object, properties: {a: {type: string}}}`, `{type: object}`, "properties[a]: is removed, and would be from all objects"},
		"field removed, kept anyway":        {`{type: object, properties: {a: {type: string}}}`, `{type: object, x-kubernetes-preserve-unknown-fields: true}`, ""},
		"required without default":          {`{type: object, properties: {a: {type: string}}}`, `{type: object, required: [a], properties: {a: {type: string}}}`, `required: "a" is added, and has no default`},
		"required with default":             {`{type: object}`, `{type: object, required: [a], properties: {a: {type: string, default: x}}}`, ""},
		"no longer required":                {`{type: object, required: [a], properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string}}}`, ""},
		"required deep down":                {`{type: object, properties: {l: {type: array, items: {type: object, properties: {a: {type: string}}}}}}`, `{type: object, properties: {l: {type: array, items: {type: object, required: [a], properties: {a: {type: string}}}}}}`, `properties[l].items.required: "a" is added, and has no default`},
		"type changed":                      {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: integer}}}`, `properties[a].type: changes from "string" to "integer"`},
		"integer to number":                 {`{type: object, properties: {a: {type: integer}}}`, `{type: object, properties: {a: {type: number}}}`, ""},
		"number to integer":                 {`{type: object, properties: {a: {type: number}}}`, `{type: object, properties: {a: {type: integer}}}`, `properties[a].type: changes from "number" to "integer"`},
		"string to int-or-string":           {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {x-kubernetes-int-or-string: true}}}`, ""},
		"int-or-string to string":           {`{type: object, properties: {a: {x-kubernetes-int-or-string: true}}}`, `{type: object, properties: {a: {type: string}}}`, "properties[a].x-kubernetes-int-or-string: is removed"},
		"anything to a type":                {`{type: object, properties: {a: {x-kubernetes-preserve-unknown-fields: true}}}`, `{type: object, properties: {a: {type: object}}}`, `properties[a].type: changes from "" to "object"`},
		"enum added":                        {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string, enum: [x]}}}`, "properties[a].enum: is added"},
		"enum shrinks":                      {`{type: object, properties: {a: {type: string, enum: [x, z]}}}`, `{type: object, properties: {a: {type: string, enum: [x]}}}`, `properties[a].enum: "z" is removed`},
		"enum grows":                        {`{type: object, properties: {a: {type: string, enum: [x]}}}`, `{type: object, properties: {a: {type: string, enum: [x, z]}}}`, ""},
		"enum removed":                      {`{type: object, properties: {a: {type: string, enum: [x]}}}`, `{type: object, properties: {a: {type: string}}}`, ""},
		"limit added":                       {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string, maxLength: 5}}}`, "properties[a].maxLength: becomes 5"},
		"limit tightened":                   {`{type: object, properties: {a: {type: integer, maximum: 9, minimum: 1}}}`, `{type: object, properties: {a: {type: integer, maximum: 5, minimum: 2}}}`, "properties[a].maximum: becomes 5; properties[a].minimum: becomes 2"},
		"limit loosened":                    {`{type: object, properties: {a: {type: integer, maximum: 5, minimum: 2}}}`, `{type: object, properties: {a: {type: integer, maximum: 9}}}`, ""},
		"exclusive":                         {`{type: object, properties: {a: {type: integer, maximum: 9}}}`, `{type: object, properties: {a: {type: integer, maximum: 9, exclusiveMaximum: true}}}`, "properties[a].exclusiveMaximum: is added"},
		"multiple":                          {`{type: object, properties: {a: {type: integer}}}`, `{type: object, properties: {a: {type: integer, multipleOf: 2}}}`, "properties[a].multipleOf: becomes 2"},
		"pattern added":                     {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string, pattern: "^a"}}}`, `properties[a].pattern: becomes "^a"`},
		"format added":                      {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string, format: date}}}`, `properties[a].format: becomes "date"`},
		"nullable removed":                  {`{type: object, properties: {a: {type: string, nullable: true}}}`, `{type: object, properties: {a: {type: string}}}`, "properties[a].nullable: is removed"},
		"rule added":                        {`{type: object}`, `{type: object, x-kubernetes-validations: [{rule: "self.a > 1"}]}`, `x-kubernetes-validations: "self.a > 1" is added`},
		"rule removed":                      {`{type: object, x-kubernetes-validations: [{rule: "self.a > 1"}]}`, `{type: object}`, ""},
		"logic added":                       {`{type: object}`, `{type: object, anyOf: [{required: [a]}]}`, "anyOf: changes"},
		"map restricted":                    {`{type: object, additionalProperties: {type: string}}`, `{type: object, additionalProperties: {type: string, maxLength: 3}}`, "additionalProperties.maxLength: becomes 3"},
		"map removed":                       {`{type: object, additionalProperties: {type: string}}`, `{type: object}`, "additionalProperties: is removed"},
		"unknown fields pruned":             {`{type: object, x-kubernetes-preserve-unknown-fields: true}`, `{type: object}`, "x-kubernetes-preserve-unknown-fields: is removed"},
		"field where anything was":          {`{type: object, x-kubernetes-preserve-unknown-fields: true}`, `{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}`, "properties[a]: is added where anything could be"},
		"enum reordered":                    {`{type: object, properties: {a: {type: string, enum: [x, z]}}}`, `{type: object, properties: {a: {type: string, enum: [z, x]}}}`, ""},
		"pattern removed":                   {`{type: object, properties: {a: {type: string, pattern: "^a"}}}`, `{type: object, properties: {a: {type: string}}}`, ""},
		"nullable added":                    {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string, nullable: true}}}`, ""},
		"required and default dropped":      {`{type: object, required: [a], properties: {a: {type: string, default: x}}}`, `{type: object, required: [a], properties: {a: {type: string}}}`, `required: "a" has no default any more`},
		"default changed":                   {`{type: object, required: [a], properties: {a: {type: string, default: x}}}`, `{type: object, required: [a], properties: {a: {type: string, default: z}}}`, ""},
		"required in a map":                 {`{type: object, properties: {m: {type: object, additionalProperties: {type: object}}}}`, `{type: object, properties: {m: {type: object, additionalProperties: {type: object, required: [a]}}}}`, `properties[m].additionalProperties.required: "a" is added, and has no default`},
		"kind is not named any more":        {`{type: object, properties: {apiVersion: {type: string}, kind: {type: string}, metadata: {type: object}}}`, `{type: object}`, ""},
		"names restricted":                  {`{type: object}`, `{type: object, properties: {metadata: {type: object, properties: {name: {type: string, maxLength: 9}}}}}`, "properties[metadata].properties[name].maxLength: becomes 9"},
		"names no longer restricted":        {`{type: object, properties: {metadata: {type: object, properties: {name: {type: string, maxLength: 9}}}}}`, `{type: object}`, ""},
		"least is nothing":                  {`{type: object, properties: {a: {type: string}}}`, `{type: object, properties: {a: {type: string, minLength: 0}}}`, ""},
		"least is something":                {`{type: object, properties: {a: {type: array, items: {type: string}}}}`, `{type: object, properties: {a: {type: array, items: {type: string}, minItems: 1}}}`, "properties[a].minItems: becomes 1"},
		"exclusive, and higher":             {`{type: object, properties: {a: {type: integer, maximum: 9}}}`, `{type: object, properties: {a: {type: integer, maximum: 20, exclusiveMaximum: true}}}`, ""},
		"int32 to int64":                    {`{type: object, properties: {a: {type: integer, format: int32}}}`, `{type: object, properties: {a: {type: integer, format: int64}}}`, ""},
		"int64 to int32":                    {`{type: object, properties: {a: {type: integer, format: int64}}}`, `{type: object, properties: {a: {type: integer, format: int32}}}`, `properties[a].format: becomes "int32"`},
		"rule needs no old object":          {`{type: object, x-kubernetes-validations: [{rule: "self == oldSelf"}]}`, `{type: object, x-kubernetes-validations: [{rule: "self == oldSelf", optionalOldSelf: true}]}`, `x-kubernetes-validations: "self == oldSelf" is added`},
		"message of a rule":                 {`{type: object, x-kubernetes-validations: [{rule: "self.a > 1"}]}`, `{type: object, x-kubernetes-validations: [{rule: "self.a > 1", message: more}]}`, ""},
		"fields become a map":               {`{type: object, properties: {m: {type: object, properties: {a: {type: string}}}}}`, `{type: object, properties: {m: {type: object, additionalProperties: {type: integer}}}}`, `properties[m].additionalProperties.type: changes from "string" to "integer"`},
		"fields become a map of theirs":     {`{type: object, properties: {m: {type: object, properties: {a: {type: string}}}}}`, `{type: object, properties: {m: {type: object, additionalProperties: {type: string}}}}`, ""},
		"map where anything was":            {`{type: object, properties: {m: {type: object, x-kubernetes-preserve-unknown-fields: true}}}`, `{type: object, properties: {m: {type: object, x-kubernetes-preserve-unknown-fields: true, additionalProperties: {type: string}}}}`, "properties[m].additionalProperties: is restricted where anything could be"},
		"embedded resource, unnamed fields": {`{type: object, properties: {o: {type: object, x-kubernetes-embedded-resource: true, properties: {kind: {type: string}, spec: {type: object}}}}}`, `{type: object, properties: {o: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}}`, ""},
		"embedded resource no more":         {`{type: object, properties: {o: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}}`, `{type: object, properties: {o: {type: object, properties: {spec: {type: object}}}}}`, "properties[o].x-kubernetes-embedded-resource: is removed, and what the schema does not name would be from all objects"},
		"map-type":                          {`{type: object, properties: {m: {type: object, x-kubernetes-map-type: granular}}}`, `{type: object, properties: {m: {type: object, x-kubernetes-map-type: atomic}}}`, ""},
		"list becomes a set":                {`{type: array, items: {type: string}}`, `{type: array, items: {type: string}, x-kubernetes-list-type: set}`, `x-kubernetes-list-type: becomes "set"`},
		"list becomes a map":                {`{type: array, items: {type: object}}`, `{type: array, items: {type: object}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a]}`, `x-kubernetes-list-type: becomes "map"`},
		"list with other keys":              {`{type: array, items: {type: object}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a]}`, `{type: array, items: {type: object}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [b]}`, `x-kubernetes-list-map-keys: change from [a] to [b]`},
		"list becomes atomic":               {`{type: array, items: {type: string}, x-kubernetes-list-type: set}`, `{type: array, items: {type: string}, x-kubernetes-list-type: atomic}`, ""},
		"several at once, each named":       {`{type: object, properties: {a: {type: string}, b: {type: string}}}`, `{type: object, properties: {a: {type: integer}}}`, `properties[a].type: changes from "string" to "integer"; properties[b]: is removed, and would be from all objects`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := texts(Breaks(crdOf(t, tc.have), crdOf(t, tc.want))); got != tc.breaks {
				t.Errorf("got %q, want %q", got, tc.breaks)
			}
		})
	}
}

func TestBreaksOfCRDs(t *testing.T) {
	const schema = `{type: object, properties: {a: {type: string}}}`
	second := func(name string, storage bool, schema string) func(*apiextensionsv1.CustomResourceDefinition) {
		return func(crd *apiextensionsv1.CustomResourceDefinition) {
			v := crdOf(t, schema).Spec.Versions[0]
			v.Name, v.Storage = name, storage
			if storage {
				crd.Spec.Versions[0].Storage = false
			}
			crd.Spec.Versions = append(crd.Spec.Versions, v)
		}
	}
	none := func(*apiextensionsv1.CustomResourceDefinition) {}
	for name, tc := range map[string]struct {
		have, want func(*apiextensionsv1.CustomResourceDefinition)
		breaks     string
	}{
		"nothing":                              {none, none, ""},
		"scope":                                {none, func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Scope = "Cluster" }, `spec.scope: changes from "Namespaced" to "Cluster"`},
		"kind":                                 {none, func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.Kind = "Thing" }, `spec.names.kind: changes from "Widget" to "Thing"`},
		"short names":                          {none, func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.ShortNames = []string{"w"} }, ""},
		"version added":                        {none, second("v2", false, schema), ""},
		"version added and stored":             {none, second("v2", true, schema), ""},
		"stored in one that takes less":        {none, second("v2", true, `{type: object}`), "spec.versions[v2].schema.openAPIV3Schema.properties[a]: is removed, and would be from all objects"},
		"stored in another that takes less":    {second("v2", false, `{type: object}`), second("v2", true, `{type: object}`), "spec.versions[v2].schema.openAPIV3Schema.properties[a]: is removed, and would be from all objects"},
		"stored in another that takes as much": {second("v2", false, schema), second("v2", true, schema), ""},
		"singular":                             {none, func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.Singular = "wid" }, `spec.names.singular: changes from "" to "wid"`},
		"plural":                               {none, func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Names.Plural = "things" }, `spec.names.plural: changes from "widgets" to "things"`},
		"columns, status and categories": {none, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Names.Categories = []string{"all"}
			c.Spec.Versions[0].AdditionalPrinterColumns = []apiextensionsv1.CustomResourceColumnDefinition{{Name: "A", Type: "string", JSONPath: ".a"}}
			c.Spec.Versions[0].Subresources = &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}}
		}, ""},
		"version removed, not stored":    {second("v2", false, schema), none, ""},
		"version removed that is stored": {none, func(c *apiextensionsv1.CustomResourceDefinition) { c.Spec.Versions[0].Name = "v2" }, "spec.versions[v1]: is removed while objects may be stored in it"},
		"version removed, stored once": {func(c *apiextensionsv1.CustomResourceDefinition) {
			second("v2", false, schema)(c)
			c.Status.StoredVersions = []string{"v2", "v1"}
		}, none, "spec.versions[v2]: is removed while objects may be stored in it"},
		"version no longer served": {none, func(c *apiextensionsv1.CustomResourceDefinition) {
			second("v2", true, schema)(c)
			c.Spec.Versions[0].Served = false
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			have, want := crdOf(t, schema), crdOf(t, schema)
			tc.have(have)
			tc.want(want)
			var got []string
			for _, b := range Breaks(have, want) {
				got = append(got, b.String())
			}
			if joined := strings.Join(got, "; "); joined != tc.breaks {
				t.Errorf("got %q, want %q", joined, tc.breaks)
			}
		})
	}
}

// Real schemas do not break themselves, nor when only text changes.
func TestRealCRDsDoNotBreakThemselves(t *testing.T) {
	files, err := filepath.Glob("../../test/e2e/testdata/crds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs to test with: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(data, crd); err != nil {
			t.Fatal(err)
		}
		// Without descriptions each place differs, and is looked at.
		bare := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal([]byte(withoutDescriptions(t, data)), bare); err != nil {
			t.Fatal(err)
		}
		if breaks := Breaks(crd, bare); len(breaks) > 0 {
			t.Errorf("%s: %v", file, breaks)
		}
	}
}

func withoutDescriptions(t *testing.T, manifest []byte) string {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(manifest, &tree); err != nil {
		t.Fatal(err)
	}
	var strip func(any)
	strip = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			if _, text := n["description"].(string); text {
				delete(n, "description")
			}
			for _, child := range n {
				strip(child)
			}
		case []any:
			for _, child := range n {
				strip(child)
			}
		}
	}
	strip(tree)
	out, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
