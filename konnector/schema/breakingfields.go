// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// properties compares the fields of an object. One that is not known any more is pruned from what is stored.
func (c *comparison) properties(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	c.required(path.Child("required"), have, want)
	children := path.Child("properties")
	for _, name := range slices.Sorted(maps.Keys(have.Properties)) {
		before := have.Properties[name]
		after, still := want.Properties[name]
		switch {
		case still:
			c.schema(children.Key(name), &before, &after)
		case want.AdditionalProperties != nil && want.AdditionalProperties.Schema != nil:
			c.schema(path.Child("additionalProperties"), &before, want.AdditionalProperties.Schema)
		case !preserves(want) && want.AdditionalProperties == nil:
			c.add(children.Key(name), "is removed, and would be from all objects")
		}
	}
	if preserves(have) {
		for _, name := range slices.Sorted(maps.Keys(want.Properties)) {
			if _, before := have.Properties[name]; !before {
				c.add(children.Key(name), "is added where anything could be")
			}
		}
	}
	c.additional(path.Child("additionalProperties"), have, want)
}

// required looks for fields that stored objects may lack. Those that a default fills in are not stored before somebody
// writes the object, so the default must stay.
func (c *comparison) required(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	for _, name := range want.Required {
		switch {
		case want.Properties[name].Default != nil:
		case !slices.Contains(have.Required, name):
			c.add(path, "%q is added, and has no default", name)
		case have.Properties[name].Default != nil:
			c.add(path, "%q has no default any more", name)
		}
	}
}

// additional compares the values of a map.
func (c *comparison) additional(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	before, after := have.AdditionalProperties, want.AdditionalProperties
	switch {
	case preserves(have) && before == nil && after != nil && after.Schema != nil:
		c.add(path, "is restricted where anything could be")
	case before == nil || !before.Allows && before.Schema == nil:
	case after == nil || !after.Allows && after.Schema == nil:
		if !preserves(want) {
			c.add(path, "is removed")
		}
	case before.Schema == nil && after.Schema != nil:
		c.add(path, "is restricted where anything could be")
	case before.Schema != nil && after.Schema != nil:
		c.schema(path, before.Schema, after.Schema)
	}
}

// items compares the elements of a list, and what tells them apart.
func (c *comparison) items(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	if have.Items != nil && want.Items != nil && have.Items.Schema != nil && want.Items.Schema != nil {
		c.schema(path.Child("items"), have.Items.Schema, want.Items.Schema)
	}
	if have.Items == nil && want.Items != nil {
		c.add(path.Child("items"), "is added")
	}
	if keyed := want.XListType != nil && *want.XListType != "atomic"; keyed && (have.XListType == nil || *have.XListType != *want.XListType) {
		c.add(path.Child("x-kubernetes-list-type"), "becomes %q", *want.XListType)
	} else if keyed && !slices.Equal(have.XListMapKeys, want.XListMapKeys) {
		c.add(path.Child("x-kubernetes-list-map-keys"), "change from %v to %v", have.XListMapKeys, want.XListMapKeys)
	}
}

func preserves(s *apiextensionsv1.JSONSchemaProps) bool {
	return s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields
}
