// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"math"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestContent(t *testing.T) {
	consumer := object(
		label("app", "shop"), label("kube-bind.io/owner", "consumer"),
		annotation("note", "n"), annotation("kube-bind.io/provider-uid", "x"),
		with("d", "data"), with([]any{map[string]any{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}}, "metadata", "ownerReferences"),
		with("a-", "metadata", "generateName"), with([]any{map[string]any{"manager": "kubectl"}}, "metadata", "managedFields"),
		synced(), status("Up"), deleted(),
	)
	got := content(Input{Consumer: consumer, Target: ready(), Policy: policy()})
	sum := got.GetAnnotations()[kubebindv1alpha2.AppliedHashAnnotation]
	want := `{"apiVersion":"example.org/v1","data":"d","kind":"Widget","metadata":{"annotations":{` +
		`"kube-bind.io/applied-hash":"` + sum + `","kube-bind.io/cluster-namespace":"kube-bind-abc",` +
		`"kube-bind.io/consumer-cluster":"cluster-1","kube-bind.io/consumer-namespace":"ns","kube-bind.io/consumer-uid":"uid-1","note":"n"},` +
		`"labels":{"app":"shop"},"name":"a","namespace":"kube-bind-abc-ns"},"spec":{"colour":"red","ports":[{"name":"http"}],"size":1}}`
	if text := jsonOf(t, got.Object); text != want {
		t.Errorf("content is\n%s, want\n%s", text, want)
	}
	// A hash that changes with a release of ours makes every konnector apply every object once.
	if sum != "99becc9e24951efa402e74a5a7b0d4fca8cc410a9f32960afaf4ea5e6956b657" {
		t.Errorf("hash is %s", sum)
	}
}

func TestTravels(t *testing.T) {
	for key, want := range map[string]bool{
		"app":                                              true,
		"kube-bind.io":                                     true,
		"example.org/kube-bind.io":                         true,
		"not-kube-bind.io/x":                               true,
		"kube-bind.io.example.org/x":                       true,
		"app.kubernetes.io/name":                           true,
		"deployment.kubernetes.io/revision":                true,
		"kubectl.kubernetes.io/restartedAt":                true,
		"kubectl.kubernetes.io/last-applied-configuration": false,
		"kube-bind.io/anything":                            false,
		"Kube-Bind.io/anything":                            false,
		"backend.kube-bind.io/identity":                    false,
		"kubebind.io/anything":                             false,
		"kcp.io/cluster":                                   false,
		"kcp.io/anything":                                  true,
		"claimed.internal.apis.kcp.io/abc":                 false,
	} {
		if got := travels(key); got != want {
			t.Errorf("travels(%q) = %v", key, got)
		}
	}
}

func decode(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
	return v
}

func TestSubsetAndEqual(t *testing.T) {
	for _, tt := range []struct {
		want, have    string
		subset, equal bool
	}{
		{`{}`, `{}`, true, true},
		{`{}`, `{"a":1}`, true, false},
		{`{"a":1}`, `{}`, false, false},
		{`{"a":{"b":1}}`, `{"a":{"b":1,"c":2},"d":3}`, true, false},
		{`{"a":{"b":1}}`, `{"a":[1]}`, false, false},
		{`{"a":1}`, `{"a":1.0}`, true, true},
		{`{"a":1}`, `{"a":"1"}`, false, false},
		{`{"a":1}`, `{"a":true}`, false, false},
		{`{"a":9007199254740993}`, `{"a":9007199254740992.0}`, false, false},
		{`{"a":1e3}`, `{"a":1000}`, true, true},
		{`{"a":0}`, `{"a":-0.0}`, true, true},
		{`{"a":null}`, `{}`, true, true},
		{`{"a":null}`, `{"a":null}`, true, true},
		{`{"a":null}`, `{"a":{}}`, false, false},
		{`{}`, `{"a":null}`, true, true},
		{`{"a":{}}`, `{}`, false, false},
		{`{"a":[]}`, `{}`, false, false},
		{`{"a":[]}`, `{"a":{}}`, false, false},
		{`{"a":{}}`, `{"a":[]}`, false, false},
		{`{"a":""}`, `{}`, false, false},
		{`{"a":false}`, `{}`, false, false},
		{`{"a":0}`, `{}`, false, false},
		{`[]`, `[1]`, true, false},
		{`[1,2]`, `[1,2]`, true, true},
		{`[1,2]`, `[2,1]`, false, false},
		{`[1,2]`, `[0,1,5,2,6]`, true, false},
		{`[1,1]`, `[1]`, false, false},
		{`[1,1]`, `[1,2,1]`, true, false},
		{`[null]`, `[]`, false, false},
		{`[{"k":"a","v":1},{"k":"b"}]`, `[{"k":"x"},{"k":"a","v":1,"default":2},{"k":"b","v":3}]`, true, false},
		{`[{"k":"a","v":1}]`, `[{"k":"a","v":2}]`, false, false},
		{`[{},{"k":"a"}]`, `[{"k":"a"}]`, false, false},
		{`[{},{"k":"a"}]`, `[{"k":"b"},{"k":"a"}]`, true, false},
		{`[[1],[2]]`, `[[0,1],[2,3]]`, true, false},
		{`"a"`, `"a"`, true, true},
		{`"a"`, `"b"`, false, false},
		{`null`, `null`, true, true},
		{`null`, `1`, false, false},
		{`1`, `null`, false, false},
	} {
		want, have := decode(t, tt.want), decode(t, tt.have)
		if got := subset(want, have); got != tt.subset {
			t.Errorf("subset(%s, %s) = %v", tt.want, tt.have, got)
		}
		if got := equal(want, have); got != tt.equal {
			t.Errorf("equal(%s, %s) = %v", tt.want, tt.have, got)
		}
		if got := equal(have, want); got != tt.equal {
			t.Errorf("equal(%s, %s) = %v", tt.have, tt.want, got)
		}
	}
}

func TestHashTellsApartWhatJSONTellsApart(t *testing.T) {
	same := [][2]any{
		{int64(1), 1.0}, {int64(0), math.Copysign(0, -1)}, {int64(100000000000000020), 100000000000000016.0},
		{nil, map[string]any(nil)}, {nil, []any(nil)},
		{map[string]any{"a": int64(1), "b": int64(2)}, map[string]any{"b": 2.0, "a": 1.0}},
	}
	for _, pair := range same {
		if hash(pair[0]) != hash(pair[1]) {
			t.Errorf("%#v and %#v have different hashes", pair[0], pair[1])
		}
	}
	different := []any{
		nil, true, false, int64(0), int64(1), 1.5, float64(math.MaxInt64), int64(math.MaxInt64), "", "0", "null", "1", "é", "e",
		map[string]any{}, []any{}, map[string]any{"a": nil}, map[string]any{"a": map[string]any{}}, []any{nil}, []any{[]any{}},
		map[string]any{"a": "b"}, []any{"a", "b"}, []any{"a,b"}, []any{`a","b`}, []any{[]any{"a"}, "b"}, []any{"a", []any{"b"}},
		map[string]any{"a": "b", "c": "d"}, map[string]any{`a":"b","c`: "d"}, map[string]any{"a": map[string]any{"c": "d"}},
	}
	for i, a := range different {
		for _, b := range different[:i] {
			if hash(a) == hash(b) {
				t.Errorf("%#v and %#v have the same hash", a, b)
			}
		}
	}
}

func TestInputsAreNotChangedAndNotShared(t *testing.T) {
	consumer := object(label("a", "b"), annotation("c", "d"))
	for name, in := range map[string]Input{
		"create": {Consumer: consumer},
		"apply":  {Consumer: consumer, Provider: copyOf(t, object(with("x", "spec", "other")), status("Up"))},
	} {
		t.Run(name, func(t *testing.T) {
			before := jsonOf(t, []any{in.Consumer, in.Provider})
			for _, a := range plan(in) {
				if a.Object != nil {
					ports, _, err := unstructured.NestedFieldNoCopy(a.Object.Object, "spec", "ports")
					if err != nil {
						t.Fatal(err)
					}
					if list, ok := ports.([]any); ok {
						clear(list)
					}
					a.Object.SetLabels(nil)
				}
			}
			if after := jsonOf(t, []any{in.Consumer, in.Provider}); after != before {
				t.Errorf("inputs were\n%s and are\n%s", before, after)
			}
		})
	}
}
