// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// maxDepth is how many levels of fields are shown.
const maxDepth = 4

// field is a field of an object, for people.
type field struct {
	// Name of the field, and its Type in a word or two.
	Name, Type string
	// Description is the schema's.
	Description string
	// Required says that an object, or the field around, must have it.
	Required bool
	// Values are the only ones allowed, and Default is what it is if it is not given; both as JSON.
	Values  []string
	Default string
	// Fields are those below, and Deeper says that there are some which are not shown.
	Fields []field
	Deeper bool
	// Open says that they are to be seen at once.
	Open bool
}

// maxOpen is how many fields are to be seen at once.
const maxOpen = 12

// fieldsOf returns the fields of an object: required ones first, then by name. What every object of Kubernetes has is left out.
func fieldsOf(schema *apiextensionsv1.JSONSchemaProps) []field {
	if schema == nil {
		return nil
	}
	top := schema.DeepCopy()
	for _, name := range []string{"apiVersion", "kind", "metadata"} {
		delete(top.Properties, name)
	}
	out := fieldsBelow(top, 1)
	for i := range out {
		out[i].Open = out[i].Name == "spec" && len(out[i].Fields) <= maxOpen
	}
	return out
}

func fieldsBelow(schema *apiextensionsv1.JSONSchemaProps, depth int) []field {
	var required, optional []field
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		below := schema.Properties[name]
		f := fieldOf(name, &below, depth)
		if f.Required = slices.Contains(schema.Required, name); f.Required {
			required = append(required, f)
		} else {
			optional = append(optional, f)
		}
	}
	return append(required, optional...)
}

func fieldOf(name string, schema *apiextensionsv1.JSONSchemaProps, depth int) field {
	out := field{Name: name, Type: typeOf(schema), Description: schema.Description}
	if schema.Default != nil {
		out.Default = string(schema.Default.Raw)
	}
	for _, value := range schema.Enum {
		out.Values = append(out.Values, string(value.Raw))
	}
	inner := innermost(schema)
	if len(inner.Properties) == 0 {
		return out
	}
	if depth == maxDepth {
		out.Deeper = true
		return out
	}
	out.Fields = fieldsBelow(inner, depth+1)
	return out
}

// innermost is the schema of what lists and maps are of in the end.
func innermost(schema *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	for {
		below := elements(schema)
		if below == nil {
			return schema
		}
		schema = below
	}
}

// elements is the schema of what a list or a map has in it, or nil.
func elements(schema *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	switch {
	case schema.Type == "array" && schema.Items != nil:
		return schema.Items.Schema
	case schema.AdditionalProperties != nil && len(schema.Properties) == 0:
		return schema.AdditionalProperties.Schema
	}
	return nil
}

// typeOf names a type as people do.
func typeOf(schema *apiextensionsv1.JSONSchemaProps) string {
	below := elements(schema)
	switch {
	case schema.XIntOrString:
		return "integer or string"
	case schema.Type == "array" && below != nil:
		return "list of " + typeOf(below)
	case below != nil:
		return "map of " + typeOf(below)
	case schema.Type == "array":
		return "list"
	case schema.XEmbeddedResource:
		return "any object of Kubernetes"
	case schema.Type == "object" && len(schema.Properties) == 0:
		return "any object"
	case schema.Type == "":
		return "anything"
	case schema.Type == "string" && schema.Format != "" && schema.Format != "password":
		return fmt.Sprintf("string (%s)", strings.ReplaceAll(schema.Format, "-", " "))
	}
	return schema.Type
}

// versionsOf are the versions of a CRD that a template exports: those it names, or else all that are served.
func versionsOf(crd *apiextensionsv1.CustomResourceDefinition, named []string) []apiextensionsv1.CustomResourceDefinitionVersion {
	return slices.DeleteFunc(slices.Clone(crd.Spec.Versions), func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return !v.Served || len(named) > 0 && !slices.Contains(named, v.Name)
	})
}
