// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

func keyOf(o client.Object) client.ObjectKey { return client.ObjectKeyFromObject(o) }

// W19: unbinding takes copies, objects and CRD away, and the API can be bound again. W28: names that begin alike do not
// disturb each other. W41: a resource without status subresource is synced both ways.
func TestUnbindAndBindAgain(t *testing.T) {
	t.Parallel()
	p := start(t)
	ns := expect.Namespace(t, p.Consumer, "team")
	offer(t, p, variant(t, "cows"))
	offer(t, p, variant(t, "cowshands"))
	offer(t, p, variant(t, "claims"))
	places := map[string]*pair.Place{}
	for _, plural := range []string{"cows", "cowshands", "claims"} {
		places[plural] = bind(t, p, plural+".wildwest.dev")
		here, there := ofKind(ns, plural), ofKind(places[plural].There(ns), plural)
		expect.Create(t, p.Consumer, here)
		expect.Exists(t, p.Provider, there)
		// Without the subresource the status is a field of the object.
		expect.Change(t, p.Provider, there, expect.Set("safe", "status", "result"))
		expect.Has(t, p.Consumer, here, "safe", "status", "result")
	}
	for range 2 {
		binding := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cows.wildwest.dev"}}
		expect.Delete(t, p.Consumer, binding)
		expect.Gone(t, p.Consumer, binding)
		expect.Gone(t, p.Consumer, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "cows.wildwest.dev"}})
		expect.Gone(t, p.Provider, ofKind(places["cows"].There(ns), "cows"))
		// The others go on.
		for _, plural := range []string{"cowshands", "claims"} {
			expect.Change(t, p.Consumer, ofKind(ns, plural), expect.Set("again", "spec", "intent"))
			expect.Has(t, p.Provider, ofKind(places[plural].There(ns), plural), "again", "spec", "intent")
			expect.Change(t, p.Consumer, ofKind(ns, plural), expect.Set(leak.Body, "spec", "intent"))
			expect.Has(t, p.Provider, ofKind(places[plural].There(ns), plural), leak.Body, "spec", "intent")
		}
		// The export is still there, so a binding is all that it takes.
		if err := p.CreateBinding(t.Context(), binding.Name, binding.Name); err != nil {
			t.Fatal(err)
		}
		expect.Eventually(t, "the API should be there again", func(ctx context.Context) error {
			o := ofKind(ns, "cows")
			return client.IgnoreAlreadyExists(p.Consumer.Client.Create(ctx, o))
		})
		expect.Exists(t, p.Provider, ofKind(places["cows"].There(ns), "cows"))
	}
}

// variant is the example CRD under another name, without status subresource.
func variant(t *testing.T, plural string) *unstructured.Unstructured {
	t.Helper()
	file, err := pair.Example(t.Context(), "crd-cowboys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kind := kindOf(plural)
	text := strings.NewReplacer("cowboys", plural, "CowboyList", kind+"List", "Cowboy", kind, "cowboy", strings.ToLower(kind),
		"    subresources:\n      status: {}\n", "").Replace(string(data))
	return parsed(t, text)
}

func kindOf(plural string) string {
	singular := strings.TrimSuffix(plural, "s")
	return strings.ToUpper(singular[:1]) + singular[1:]
}

func ofKind(namespace, plural string) *unstructured.Unstructured {
	o := expect.Cowboy(namespace, "one")
	o.SetKind(kindOf(plural))
	return o
}
