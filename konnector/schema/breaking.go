// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// Break is one way in which a change of a CRD would break objects that are stored.
type Break struct {
	// Path is where in the CRD, Message what happens there.
	Path    *field.Path
	Message string
}

// String is path and message.
func (b Break) String() string { return b.Path.String() + ": " + b.Message }

// Breaks lists what a change of a CRD would break: objects that could not be found, read or written any more as they are,
// or that would lose fields. It errs on the safe side: what cannot be told to be harmless, like a new rule, breaks. That
// API servers let pass what was invalid before as long as it does not change is no help: it changes sooner or later.
//
// Not looked at, because objects survive them: columns, short names, categories, subresources, selectable fields,
// x-kubernetes-map-type, versions that are new or served no longer, and default values while there is one.
func Breaks(have, want *apiextensionsv1.CustomResourceDefinition) []Break {
	var c comparison
	spec := field.NewPath("spec")
	c.same(spec.Child("group"), have.Spec.Group, want.Spec.Group)
	c.same(spec.Child("scope"), string(have.Spec.Scope), string(want.Spec.Scope))
	names := spec.Child("names")
	c.same(names.Child("plural"), have.Spec.Names.Plural, want.Spec.Names.Plural)
	c.same(names.Child("singular"), have.Spec.Names.Singular, want.Spec.Names.Singular)
	c.same(names.Child("kind"), have.Spec.Names.Kind, want.Spec.Names.Kind)
	c.same(names.Child("listKind"), have.Spec.Names.ListKind, want.Spec.Names.ListKind)
	for i := range have.Spec.Versions {
		c.version(spec.Child("versions"), &have.Spec.Versions[i], have, want)
	}
	return c.breaks
}

type comparison struct{ breaks []Break }

func (c *comparison) add(path *field.Path, format string, args ...any) {
	c.breaks = append(c.breaks, Break{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *comparison) same(path *field.Path, have, want string) {
	if have != want {
		c.add(path, "changes from %q to %q", have, want)
	}
}

// version compares one version that is there. Without a webhook objects are stored in another version by their bytes, so if
// another version is to be stored, new or not, it must not take less than the one before.
func (c *comparison) version(path *field.Path, v *apiextensionsv1.CustomResourceDefinitionVersion, have, want *apiextensionsv1.CustomResourceDefinition) {
	path = path.Key(v.Name)
	next := versionNamed(want, v.Name)
	if next == nil {
		if v.Storage || slices.Contains(have.Status.StoredVersions, v.Name) {
			c.add(path, "is removed while objects may be stored in it")
		}
		return
	}
	c.schemas(path, v, next)
	if v.Storage && !next.Storage {
		for i := range want.Spec.Versions {
			if stored := &want.Spec.Versions[i]; stored.Storage {
				c.schemas(path.Root().Child("versions").Key(stored.Name), v, stored)
			}
		}
	}
}

func versionNamed(crd *apiextensionsv1.CustomResourceDefinition, name string) *apiextensionsv1.CustomResourceDefinitionVersion {
	for i := range crd.Spec.Versions {
		if crd.Spec.Versions[i].Name == name {
			return &crd.Spec.Versions[i]
		}
	}
	return nil
}

func (c *comparison) schemas(path *field.Path, have, want *apiextensionsv1.CustomResourceDefinitionVersion) {
	if have.Schema == nil || want.Schema == nil || have.Schema.OpenAPIV3Schema == nil || want.Schema.OpenAPIV3Schema == nil {
		return
	}
	c.schema(path.Child("schema", "openAPIV3Schema"), withObjectFields(have.Schema.OpenAPIV3Schema), withObjectFields(want.Schema.OpenAPIV3Schema))
}

// withObjectFields is the schema of a whole object with what an API server knows by itself, named or not: apiVersion, kind
// and metadata, in which a schema can restrict only the names.
func withObjectFields(s *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	out := *s
	out.Properties = maps.Clone(s.Properties)
	if out.Properties == nil {
		out.Properties = map[string]apiextensionsv1.JSONSchemaProps{}
	}
	text := apiextensionsv1.JSONSchemaProps{Type: "string"}
	for _, name := range []string{"apiVersion", "kind"} {
		if _, named := out.Properties[name]; !named {
			out.Properties[name] = text
		}
	}
	metadata := out.Properties["metadata"]
	metadata.Type, metadata.Properties = "object", maps.Clone(metadata.Properties)
	if metadata.Properties == nil {
		metadata.Properties = map[string]apiextensionsv1.JSONSchemaProps{}
	}
	for _, name := range []string{"name", "generateName"} {
		if _, named := metadata.Properties[name]; !named {
			metadata.Properties[name] = text
		}
	}
	out.Properties["metadata"] = metadata
	return &out
}

// schema compares what one place of an object may hold.
func (c *comparison) schema(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	if equality.Semantic.DeepEqual(have, want) {
		return
	}
	if !c.types(path, have, want) {
		return
	}
	if have.XEmbeddedResource && want.XEmbeddedResource {
		have, want = withObjectFields(have), withObjectFields(want)
	}
	c.values(path, have, want)
	c.limits(path, have, want)
	c.rules(path, have, want)
	c.properties(path, have, want)
	c.items(path, have, want)
}

// types says whether it makes sense to look at the rest.
func (c *comparison) types(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) bool {
	if have.XIntOrString && !want.XIntOrString {
		c.add(path.Child("x-kubernetes-int-or-string"), "is removed")
		return false
	}
	if have.Type == want.Type || have.Type == "integer" && want.Type == "number" {
		return true
	}
	if want.Type == "" && (!want.XIntOrString || have.Type == "integer" || have.Type == "string") {
		return true
	}
	c.add(path.Child("type"), "changes from %q to %q", have.Type, want.Type)
	return false
}

func (c *comparison) values(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	if have.Nullable && !want.Nullable {
		c.add(path.Child("nullable"), "is removed")
	}
	if want.Format != "" && want.Format != have.Format && !widest(want) {
		c.add(path.Child("format"), "becomes %q", want.Format)
	}
	if want.Pattern != "" && want.Pattern != have.Pattern {
		c.add(path.Child("pattern"), "becomes %q", want.Pattern)
	}
	switch {
	case len(want.Enum) == 0:
	case len(have.Enum) == 0:
		c.add(path.Child("enum"), "is added")
	default:
		for _, value := range have.Enum {
			if !slices.ContainsFunc(want.Enum, func(v apiextensionsv1.JSON) bool { return string(v.Raw) == string(value.Raw) }) {
				c.add(path.Child("enum"), "%s is removed", value.Raw)
			}
		}
	}
	if have.XPreserveUnknownFields != nil && *have.XPreserveUnknownFields && !preserves(want) {
		c.add(path.Child("x-kubernetes-preserve-unknown-fields"), "is removed")
	}
	if want.XEmbeddedResource && !have.XEmbeddedResource {
		c.add(path.Child("x-kubernetes-embedded-resource"), "is added")
	}
	if have.XEmbeddedResource && !want.XEmbeddedResource && !preserves(want) {
		c.add(path.Child("x-kubernetes-embedded-resource"), "is removed, and what the schema does not name would be from all objects")
	}
}

// widest says that the format of a number takes all numbers of its type.
func widest(s *apiextensionsv1.JSONSchemaProps) bool {
	return s.Type == "integer" && s.Format == "int64" || s.Type == "number" && s.Format == "double"
}

// limits are those on sizes and numbers: a new or a tighter one breaks.
func (c *comparison) limits(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	upper(c, path.Child("maximum"), have.Maximum, want.Maximum)
	lower(c, path.Child("minimum"), have.Minimum, want.Minimum)
	for _, limit := range []struct {
		name       string
		have, want *int64
		least      bool
	}{
		{"maxLength", have.MaxLength, want.MaxLength, false},
		{"minLength", have.MinLength, want.MinLength, true},
		{"maxItems", have.MaxItems, want.MaxItems, false},
		{"minItems", have.MinItems, want.MinItems, true},
		{"maxProperties", have.MaxProperties, want.MaxProperties, false},
		{"minProperties", have.MinProperties, want.MinProperties, true},
	} {
		if limit.least {
			// Nothing is smaller than nothing.
			lower(c, path.Child(limit.name), ptr.To(ptr.Deref(limit.have, 0)), limit.want)
		} else {
			upper(c, path.Child(limit.name), limit.have, limit.want)
		}
	}
	if want.ExclusiveMaximum && !have.ExclusiveMaximum && ptr.Equal(have.Maximum, want.Maximum) {
		c.add(path.Child("exclusiveMaximum"), "is added")
	}
	if want.ExclusiveMinimum && !have.ExclusiveMinimum && ptr.Equal(have.Minimum, want.Minimum) {
		c.add(path.Child("exclusiveMinimum"), "is added")
	}
	if want.MultipleOf != nil && (have.MultipleOf == nil || *have.MultipleOf != *want.MultipleOf) {
		c.add(path.Child("multipleOf"), "becomes %v", *want.MultipleOf)
	}
	if want.UniqueItems && !have.UniqueItems {
		c.add(path.Child("uniqueItems"), "is added")
	}
}

func upper[N int64 | float64](c *comparison, path *field.Path, have, want *N) {
	if want != nil && (have == nil || *want < *have) {
		c.add(path, "becomes %v", *want)
	}
}

func lower[N int64 | float64](c *comparison, path *field.Path, have, want *N) {
	if want != nil && (have == nil || *want > *have) {
		c.add(path, "becomes %v", *want)
	}
}

// rules are those that cannot be compared: each new one breaks.
func (c *comparison) rules(path *field.Path, have, want *apiextensionsv1.JSONSchemaProps) {
	for _, rule := range want.XValidations {
		if !slices.ContainsFunc(have.XValidations, func(r apiextensionsv1.ValidationRule) bool {
			return r.Rule == rule.Rule && (ptr.Deref(r.OptionalOldSelf, false) || !ptr.Deref(rule.OptionalOldSelf, false))
		}) {
			c.add(path.Child("x-kubernetes-validations"), "%q is added", rule.Rule)
		}
	}
	for _, logic := range []struct {
		name       string
		have, want []apiextensionsv1.JSONSchemaProps
	}{{"allOf", have.AllOf, want.AllOf}, {"anyOf", have.AnyOf, want.AnyOf}, {"oneOf", have.OneOf, want.OneOf}} {
		if len(logic.want) > 0 && !equality.Semantic.DeepEqual(logic.have, logic.want) {
			c.add(path.Child(logic.name), "changes")
		}
	}
	if want.Not != nil && !equality.Semantic.DeepEqual(have.Not, want.Not) {
		c.add(path.Child("not"), "changes")
	}
}
