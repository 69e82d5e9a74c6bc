// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// emptying is a JSON patch that makes empty what should be an empty map or list and is not.
//
// When an apply leaves nothing in a map or list that it still holds, as {} or [], the API server makes it null (see
// removeItemsWithSchema in sigs.k8s.io/structured-merge-diff/v6/typed), and then refuses it if the schema does not allow
// null. That happens only if all that was in it is to go, so emptying it first loses nothing of others; the
// resourceVersion makes sure that nothing has come since. What lies in elements of lists is not looked for.
func emptying(provider, want *unstructured.Unstructured) []byte {
	var operations []any
	walkEmptied(want.Object, provider.Object, "", func(path string, empty any) {
		operations = append(operations, map[string]any{"op": "replace", "path": path, "value": empty})
	})
	if operations == nil {
		return nil
	}
	tests := []any{
		map[string]any{"op": "test", "path": "/metadata/uid", "value": provider.GetUID()},
		map[string]any{"op": "test", "path": "/metadata/resourceVersion", "value": provider.GetResourceVersion()},
	}
	return marshal(append(tests, operations...))
}

// walkEmptied visits what is empty in want and not in have, in a fixed order.
func walkEmptied(want, have map[string]any, at string, visit func(path string, empty any)) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		path := at + "/" + pointerEscapes().Replace(key)
		switch wanted := want[key].(type) {
		case map[string]any:
			there, isMap := have[key].(map[string]any)
			switch {
			case isMap && len(wanted) == 0 && len(there) > 0:
				visit(path, wanted)
			case isMap:
				walkEmptied(wanted, there, path, visit)
			}
		case []any:
			if there, isList := have[key].([]any); isList && len(wanted) == 0 && len(there) > 0 {
				visit(path, wanted)
			}
		}
	}
}

// pointerEscapes are those of JSON pointers, RFC 6901.
func pointerEscapes() *strings.Replacer { return strings.NewReplacer("~", "~0", "/", "~1") }
