// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/konnector/routing"
)

func twoBindings() routing.Table {
	return routing.Of(routing.Member{Binding: "us", Provider: "east"}, routing.Member{Binding: "them", Provider: "west", Default: true})
}

func carriedObject(carrier, from string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "team", "name": "a"}}}
	if carrier != "" {
		o.SetFinalizers([]string{kubebindv1alpha2.SyncerFinalizer})
		o.SetAnnotations(map[string]string{kubebindv1alpha2.CarriedByAnnotation: carrier})
	}
	if from != "" {
		o.SetAnnotations(map[string]string{kubebindv1alpha2.PlaceUIDAnnotation: from})
	}
	return o
}

// An object waits until it is known what its namespace says, and is not sent to the default meanwhile.
func TestRouterWaitsForTheNamespace(t *testing.T) {
	m := namespaces.New(namespaces.Options{ContractNamespace: "kube-bind-abc", Changed: func(string) {}})
	us, them := newRouter("us", m, twoBindings()), newRouter("them", m, twoBindings())
	is := func(what string, r *router, o *unstructured.Unstructured, want routing.State) {
		t.Helper()
		if got := r.Route(o); got.State != want {
			t.Errorf("%s: %+v", what, got)
		}
	}
	o := carriedObject("", "")
	is("namespace not known", us, o, routing.Elsewhere)
	is("namespace not known, the default", them, o, routing.Elsewhere)
	is("carried", us, carriedObject("us", ""), routing.Mine)
	namespace := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "team", Annotations: map[string]string{kubebindv1alpha2.ProviderAnnotation: "east"}}}
	m.NamespaceHandler().OnAdd(namespace, true)
	is("named by the namespace", us, o, routing.Mine)
	is("named by the namespace, the default", them, o, routing.Elsewhere)
	plain := namespace.DeepCopy()
	plain.Annotations = nil
	m.NamespaceHandler().OnUpdate(namespace, plain)
	is("no longer", us, o, routing.Elsewhere)
	is("no longer, the default", them, o, routing.Mine)
	o.SetNamespace("")
	is("cluster-scoped", them, o, routing.Mine)
}

// The objects of other bindings do not refer to what this one's provider claims, and neither do other places' copies.
func TestCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		carrier, from string
		want          bool
	}{
		"carried by us":           {"us", "", true},
		"carried by another":      {"them", "", false},
		"not carried yet":         {"", "", false},
		"a copy of this place":    {"", "here", true},
		"a copy of another place": {"", "there", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := counts(twoBindings(), "us", "here")(carriedObject(tc.carrier, tc.from)); got != tc.want {
				t.Errorf("counts: %v", got)
			}
		})
	}
}
