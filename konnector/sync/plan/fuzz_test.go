// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"math/big"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func seeds() []string {
	return []string{
		`null`, `1`, `-0.0`, `1e3`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `1e400`, `"1"`, `"é\u0000\ud800"`,
		`{}`, `[]`, `[null]`, `{"a":null}`, `{"a":{"b":[1,2,{"c":"d"}]},"e":false}`, `[[],[[]],{}]`, `[1,1,2]`,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{"kube-bind.io/x":"y","app":"z"}},"data":{"k":"v"}}`,
		`{"spec":{"size":1.0},"status":{"phase":"Up"},"metadata":{"annotations":{"kube-bind.io/applied-hash":"x"}}}`,
		`{"metadata":{"annotations":{"a":1},"labels":[]},"spec":null}`,
	}
}

// decoded is nil for what is not JSON.
func decoded(text []byte) any {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil
	}
	return v
}

// FuzzLaws: what must be true of any JSON value, alone.
func FuzzLaws(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := decoded(text)
		sum := hash(v)
		for name, other := range map[string]any{
			"with keys in another order": reordered(v),
			"with floats for integers":   asFloats(v),
			"sent and received":          decoded([]byte(jsonOf(t, v))),
		} {
			if hash(other) != sum || !equal(v, other) || !subset(v, other) || !subset(other, v) {
				t.Errorf("%s, %s is not the same", name, text)
			}
		}
		if pruned := withoutNulls(v); !equal(v, pruned) || !equal(pruned, v) || !subset(v, pruned) {
			t.Errorf("without nulls, %s is not in sync", text)
		}
		if !subset(v, grown(v)) {
			t.Errorf("with more in it, %s is not a superset of itself", text)
		}
		if more := grown(v); (hash(more) == sum) != same(v, more) {
			t.Errorf("hash of %s does not tell that something was added", text)
		}
	})
}

// FuzzPairs: what must be true of any two JSON values.
func FuzzPairs(f *testing.F) {
	for _, a := range seeds() {
		for _, b := range seeds()[:8] {
			f.Add([]byte(a), []byte(b))
		}
	}
	f.Fuzz(func(t *testing.T, left, right []byte) {
		a, b := decoded(left), decoded(right)
		if (hash(a) == hash(b)) != same(a, b) {
			t.Errorf("same hash: %v, same JSON: %v", hash(a) == hash(b), same(a, b))
		}
		if equal(a, b) != equal(b, a) {
			t.Error("equal is not symmetric")
		}
		if equal(a, b) != same(withoutNulls(a), withoutNulls(b)) {
			t.Error("equal is not equality but for nulls")
		}
		if equal(a, b) && !subset(a, b) {
			t.Error("equal, but not a subset")
		}
		if subset(a, b) && !subset(a, grown(b)) {
			t.Error("a subset no longer when there is more")
		}
		both := map[string]any{"a": a, "b": b}
		if !subset(map[string]any{"a": a}, both) || !subset([]any{a}, []any{b, a}) || !subset([]any{b}, []any{b, a}) {
			t.Error("a part is not a subset of the whole")
		}
	})
}

// FuzzContent: whatever the consumer object is, its copy is in sync with it and carries our marks and nobody else's.
func FuzzContent(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fields, _ := decoded(text).(map[string]any)
		if fields == nil {
			return
		}
		consumer := &unstructured.Unstructured{Object: fields}
		if _, ok := fields["metadata"].(map[string]any); !ok {
			delete(fields, "metadata")
		}
		consumer.SetName("a")
		consumer.SetNamespace("ns")
		consumer.SetUID("uid-1")
		consumer.SetFinalizers([]string{kubebindv1alpha2.SyncerFinalizer})
		consumer.SetDeletionTimestamp(nil)
		before := jsonOf(t, consumer.Object)
		made := find(t, plan(Input{Consumer: consumer}), Create).Object
		if after := jsonOf(t, consumer.Object); after != before {
			t.Fatalf("input was %s and is %s", before, after)
		}
		for key := range made.GetAnnotations() {
			if strings.HasPrefix(key, "kube-bind.io/") && !ourMark(key) {
				t.Errorf("mark %s travelled", key)
			}
		}
		for _, name := range []string{"status", "metadata.uid", "metadata.finalizers", "metadata.resourceVersion"} {
			if _, found, _ := unstructured.NestedFieldNoCopy(made.Object, strings.Split(name, ".")...); found {
				t.Errorf("%s travelled", name)
			}
		}
		received, _ := decoded([]byte(jsonOf(t, made.Object))).(map[string]any)
		arrived := &unstructured.Unstructured{Object: received}
		arrived.SetUID(otherCopyUID)
		for _, a := range plan(Input{Consumer: consumer, Provider: arrived}) {
			if a.Kind != PatchStatus {
				t.Errorf("right after creation the plan has %s", a.Kind)
			}
		}
	})
}

func ourMark(key string) bool {
	switch key {
	case kubebindv1alpha2.ClusterNamespaceAnnotation, kubebindv1alpha2.ConsumerClusterAnnotation, kubebindv1alpha2.ConsumerNamespaceAnnotation,
		kubebindv1alpha2.ConsumerUIDAnnotation, kubebindv1alpha2.AppliedHashAnnotation:
		return true
	}
	return false
}

// walk rebuilds a value from its leaves up.
func walk(v any, f func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			out[name] = walk(value, f)
		}
		return f(out)
	case []any:
		out := make([]any, 0, len(v))
		for _, value := range v {
			out = append(out, walk(value, f))
		}
		return f(out)
	}
	return f(v)
}

// reordered fills maps twice, so that their keys come in another order than from the decoder.
func reordered(v any) any {
	return walk(v, func(v any) any {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		out := make(map[string]any, 4*len(m))
		for name, value := range m {
			out[name+"\x00"] = value
			out[name] = value
		}
		for name := range m {
			delete(out, name+"\x00")
		}
		for name, value := range m {
			out[name] = value
		}
		return out
	})
}

func asFloats(v any) any {
	return walk(v, func(v any) any {
		if i, ok := v.(int64); ok && i > -1<<53 && i < 1<<53 {
			return float64(i)
		}
		return v
	})
}

func withoutNulls(v any) any {
	return walk(v, func(v any) any {
		m, _ := v.(map[string]any)
		for name, value := range m {
			if value == nil {
				delete(m, name)
			}
		}
		return v
	})
}

// grown has one more field in each object and one more element at both ends of each list.
func grown(v any) any {
	return walk(v, func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			v["\x00grown\x00"] = "grown"
		case []any:
			return append(append([]any{"grown"}, v...), "grown")
		}
		return v
	})
}

// same compares JSON values exactly, null and absent being different, in another way than the code under test.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			other, found := b[name]
			if !found || !same(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	x, isNumber := rational(a)
	y, isNumberToo := rational(b)
	if isNumber || isNumberToo {
		return isNumber && isNumberToo && x.Cmp(y) == 0
	}
	return a == b
}

// rational is the number that an API server reads when this one is sent.
func rational(v any) (*big.Rat, bool) {
	switch v.(type) {
	case int64, float64:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, false
		}
		return new(big.Rat).SetString(string(text))
	}
	return nil, false
}
