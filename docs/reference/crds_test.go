// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"kube-bind.io/kube-bind/deploy/crds"
)

const crdsPage = "crds.md"

const crdsHead = `# Kinds

<!-- This page is written by ` + "`go test ./docs/reference -args update`" + ` from deploy/crds. -->

All kinds of ` + "`kube-bind.io`" + `, with their fields in the version that is stored. An ` + "`[]`" + ` stands for the elements of a list. Fields that are required
are so if what they are in is there. What conditions and their reasons mean is [on a page of its own](conditions.md).
`

// The reference of the kinds is what the CRDs say.
func TestCRDReference(t *testing.T) {
	provider, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := crds.Consumer()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString(crdsHead)
	for _, side := range []struct {
		title string
		crds  []*apiextensionsv1.CustomResourceDefinition
	}{{"In the consumer", consumer}, {"At the provider", provider}} {
		fmt.Fprintf(&out, "\n## %s\n", side.title)
		for _, crd := range side.crds {
			describeCRD(&out, crd)
		}
	}
	isCurrent(t, crdsPage, out.String())
}

func describeCRD(out *strings.Builder, crd *apiextensionsv1.CustomResourceDefinition) {
	var served []string
	var stored apiextensionsv1.CustomResourceDefinitionVersion
	for _, version := range crd.Spec.Versions {
		served = append(served, "`"+version.Name+"`")
		if version.Storage {
			stored = version
		}
	}
	names := append([]string{crd.Spec.Names.Plural}, crd.Spec.Names.ShortNames...)
	schema := stored.Schema.OpenAPIV3Schema
	scope := "Cluster-scoped"
	if crd.Spec.Scope == apiextensionsv1.NamespaceScoped {
		scope = "Namespaced"
	}
	fmt.Fprintf(out, "\n### %s\n\n%s\n\n%s. Served as %s. For kubectl: `%s`.\n\n| field | type | meaning |\n|---|---|---|\n",
		crd.Spec.Names.Kind, oneLine(schema.Description), scope, strings.Join(served, ", "), strings.Join(names, "`, `"))
	for _, part := range []string{"spec", "status"} {
		if property, found := schema.Properties[part]; found {
			describeField(out, part, property, slices.Contains(schema.Required, part))
		}
	}
}

// describeField writes the row of a field, and those of what is in it.
func describeField(out *strings.Builder, path string, schema apiextensionsv1.JSONSchemaProps, required bool) {
	kind, inner := typeOf(schema)
	meaning := oneLine(schema.Description)
	if len(schema.Enum) > 0 {
		var values []string
		for _, value := range schema.Enum {
			values = append(values, strings.Trim(string(value.Raw), `"`))
		}
		meaning += " One of `" + strings.Join(values, "`, `") + "`."
	}
	if schema.Default != nil {
		meaning += " Default: `" + string(schema.Default.Raw) + "`."
	}
	for _, rule := range schema.XValidations {
		meaning += " Rule: " + rule.Message + "."
	}
	if required {
		meaning += " Required."
	}
	fmt.Fprintf(out, "| `%s` | %s | %s |\n", path, kind, strings.ReplaceAll(meaning, "|", `\|`))
	if inner == nil {
		return
	}
	if schema.Items != nil {
		path += "[]"
	}
	for _, name := range slices.Sorted(maps.Keys(inner.Properties)) {
		describeField(out, path+"."+name, inner.Properties[name], slices.Contains(inner.Required, name))
	}
}

// typeOf is a type in words, and the schema that has the fields in it, if any.
func typeOf(schema apiextensionsv1.JSONSchemaProps) (kind string, inner *apiextensionsv1.JSONSchemaProps) {
	switch {
	case schema.Items != nil && schema.Items.Schema != nil:
		element, inner := typeOf(*schema.Items.Schema)
		return "list of " + element, inner
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
		value, _ := typeOf(*schema.AdditionalProperties.Schema)
		return "map to " + value, nil
	case schema.XIntOrString:
		return "integer or string", nil
	case schema.Type == "":
		return "anything", nil
	case schema.Format != "":
		return schema.Type + " (" + schema.Format + ")", nil
	}
	return schema.Type, &schema
}
