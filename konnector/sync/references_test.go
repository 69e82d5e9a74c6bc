// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// referrals is an index with one referrer, driven as an informer does: by its transform and its handler.
type referrals struct {
	*references
	transform   cache.TransformFunc
	handler     cache.ResourceEventHandler
	evaluations int
	changed     []string
}

func newReferrals(t *testing.T) *referrals {
	t.Helper()
	client, err := dynamic.NewForConfig(&rest.Config{Host: "https://nobody.asks.it"})
	if err != nil {
		t.Fatal(err)
	}
	r := &referrals{}
	r.references = newReferences(&engine{Options: Options{Consumer: client}}, func(key types.NamespacedName) { r.changed = append(r.changed, key.String()) }, func() {})
	referrer := r.newReferrer(Referrer{
		Resource: schema.GroupVersionResource{Group: "x.org", Version: "v1", Resource: "widgets"},
		Targets: func(object []byte, namespace string) []types.NamespacedName {
			r.evaluations++
			u := &unstructured.Unstructured{}
			if err := u.UnmarshalJSON(object); err != nil {
				t.Error(err)
			}
			name, _, _ := unstructured.NestedString(u.Object, "spec", "secret")
			return []types.NamespacedName{{Namespace: namespace, Name: name}}
		},
	})
	r.transform, r.handler = referrer.transform, referrer.handler
	return r
}

func (r *referrals) object(t *testing.T, name, secret string) any {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "x.org/v1", "kind": "Widget", "spec": map[string]any{"secret": secret},
		"metadata": map[string]any{"namespace": "team", "name": name},
	}}
	reduced, err := r.transform(o)
	if err != nil {
		t.Fatal(err)
	}
	return reduced
}

// With 5,000 objects that refer, changing one costs one evaluation, and only what it referred to and refers to is looked
// at again. Nothing is listed: the client has nobody to ask.
func TestChangeOfAReferenceCostsOneEvaluation(t *testing.T) {
	const objects, secrets = 5000, 50
	r := newReferrals(t)
	var last any
	for i := range objects {
		last = r.object(t, fmt.Sprint("w", i), fmt.Sprint("s", i%secrets))
		r.handler.OnAdd(last, true)
	}
	if r.evaluations != objects || len(r.changed) != secrets || !r.has(types.NamespacedName{Namespace: "team", Name: "s7"}) {
		t.Fatalf("%d evaluations, %d secrets", r.evaluations, len(r.changed))
	}
	r.evaluations, r.changed = 0, nil
	next := r.object(t, fmt.Sprint("w", objects-1), "new")
	r.handler.OnUpdate(last, next)
	if r.evaluations != 1 || !slices.Equal(r.changed, []string{"team/new"}) {
		t.Errorf("%d evaluations, looked at again: %v", r.evaluations, r.changed)
	}
	r.changed = nil
	r.handler.OnDelete(cache.DeletedFinalStateUnknown{Key: fmt.Sprint("team/w", objects-1), Obj: last})
	if !slices.Equal(r.changed, []string{"team/new"}) || r.has(types.NamespacedName{Namespace: "team", Name: "new"}) {
		t.Errorf("after the deletion: %v", r.changed)
	}
	if kept := next.(*unstructured.Unstructured); kept.Object["spec"] != nil {
		t.Errorf("the cache keeps %v", kept.Object)
	}
	if again, err := r.transform(next); err != nil || again.(*unstructured.Unstructured).Object[referencesField] == nil || r.evaluations != 1 {
		t.Errorf("an object is evaluated twice: %v", err)
	}
}
