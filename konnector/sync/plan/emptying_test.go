// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestEmptying(t *testing.T) {
	const tests = `[{"op":"test","path":"/metadata/uid","value":"u"},{"op":"test","path":"/metadata/resourceVersion","value":"7"},`
	object := func(spec any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"uid": "u", "resourceVersion": "7"}, "spec": spec,
		}}
	}
	for name, tc := range map[string]struct {
		want, have any
		patch      string
	}{
		"nothing is empty":       {map[string]any{"a": "b"}, map[string]any{"a": "b"}, ""},
		"the spec":               {map[string]any{}, map[string]any{"a": "b"}, tests + `{"op":"replace","path":"/spec","value":{}}]`},
		"it is empty already":    {map[string]any{}, map[string]any{}, ""},
		"it is absent":           {map[string]any{}, nil, ""},
		"it is of another type":  {map[string]any{}, "text", ""},
		"a map in it":            {map[string]any{"a": map[string]any{}}, map[string]any{"a": map[string]any{"b": "c"}}, tests + `{"op":"replace","path":"/spec/a","value":{}}]`},
		"a list in it":           {map[string]any{"a": []any{}}, map[string]any{"a": []any{"b"}}, tests + `{"op":"replace","path":"/spec/a","value":[]}]`},
		"a key to be escaped":    {map[string]any{"a/b~c": []any{}}, map[string]any{"a/b~c": []any{"b"}}, tests + `{"op":"replace","path":"/spec/a~1b~0c","value":[]}]`},
		"an absent field is not": {map[string]any{"a": "b"}, map[string]any{"a": "b", "c": map[string]any{"d": "e"}}, ""},
		"two, in order":          {map[string]any{"b": []any{}, "a": []any{}}, map[string]any{"a": []any{"x"}, "b": []any{"x"}}, tests + `{"op":"replace","path":"/spec/a","value":[]},{"op":"replace","path":"/spec/b","value":[]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(emptying(object(tc.have), object(tc.want))); got != tc.patch {
				t.Errorf("got  %s\nwant %s", got, tc.patch)
			}
		})
	}
}
