// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"encoding/json"
	"testing"
)

// Whatever path a provider claims by, and whatever a consumer's object holds: what it selects has a name
// and a namespace, and nothing crashes.
func FuzzReference(f *testing.F) {
	object := `{"metadata":{"name":"a"},"spec":{"secret":{"name":"creds","namespace":"other"},"list":[{"name":"x","ns":"n1"},{"name":"y"},[{"name":"z"}]],"names":["p","q",1,null]}}`
	for _, path := range [][2]string{
		{"spec.secret.name", "spec.secret.namespace"}, {"spec.list.#.name", "spec.list.#.ns"}, {"spec.names", ""}, {"spec.list.#.name", "spec.secret.namespace"},
		{"", ""}, {"#", "#"}, {"@this", "@this"}, {"@reverse|@values", ""}, {"spec.list.#(name==\"x\").name", ""}, {"spec.list.#(name%\"*\")#.name", ""}, {"{a,b}", "[a,b]"},
		{"@join:{\"preserve\":true}", ""}, {"..#.name", ""}, {"!\"static\"", ""}, {"\\", "\x00"},
	} {
		f.Add(object, path[0], path[1])
	}
	f.Fuzz(func(t *testing.T, object, name, namespace string) {
		if !json.Valid([]byte(object)) {
			return // an object of an API server is JSON
		}
		for _, key := range (Reference{Name: name, Namespace: namespace}).Of([]byte(object), "own") {
			if key.Namespace == "" || key.Name == "" {
				t.Errorf("%q and %q select %q", name, namespace, key)
			}
		}
		if got := (Reference{Name: name}).Of([]byte(object), ""); len(got) > 0 {
			t.Errorf("%q selects %v, though there is no namespace", name, got)
		}
	})
}
