// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Any two schemas of a provider can be compared: it ends, nothing crashes, and no schema breaks what is stored by itself.
func FuzzBreaks(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"integer"}}}`},
		{`{"type":"object","required":["a"]}`, `{"type":"object","additionalProperties":{"type":"string"}}`},
		{`{"type":"array","items":{"type":"string"}}`, `{"type":"array","items":[{"type":"string"}]}`},
		{`{"x-kubernetes-int-or-string":true}`, `{"enum":[1,"a",null]}`}, {`{}`, `{"type":"object","x-kubernetes-preserve-unknown-fields":true}`},
		{`{"type":"object","properties":{"a":{"maxLength":3,"pattern":"("}}}`, `{"type":"object","properties":{"a":{"maxLength":2}}}`},
		{`{"type":"object","oneOf":[{}],"not":{},"x-kubernetes-validations":[{"rule":"self.a"}]}`, `{"type":"object","allOf":[{"anyOf":[{}]}]}`},
	} {
		f.Add(seed[0], seed[1])
	}
	crd := func(raw string) *apiextensionsv1.CustomResourceDefinition {
		schema := &apiextensionsv1.JSONSchemaProps{}
		if json.Unmarshal([]byte(raw), schema) != nil {
			return nil
		}
		return &apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
			{Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: schema}},
		}}}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		have, want := crd(a), crd(b)
		if have == nil || want == nil {
			return // not even JSON of a schema: an API server stores no such thing
		}
		for _, problem := range Breaks(have, want) {
			if problem.String() == "" {
				t.Error("it does not say what breaks")
			}
		}
		if problems := Breaks(have, have.DeepCopy()); len(problems) > 0 {
			t.Errorf("a schema breaks itself: %v", problems)
		}
	})
}
