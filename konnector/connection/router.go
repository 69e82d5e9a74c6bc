// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"sync/atomic"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/konnector/routing"
)

// router tells a syncer which objects its binding carries. Its table can change while the syncer runs.
type router struct {
	binding    string
	namespaces *namespaces.Map
	table      atomic.Pointer[routing.Table]
}

func newRouter(binding string, namespaces *namespaces.Map, table routing.Table) *router {
	r := &router{binding: binding, namespaces: namespaces}
	r.table.Store(&table)
	return r
}

// Route says what an object is to the binding. An object whose namespace is not known yet waits: its event looks at it again.
func (r *router) Route(o *unstructured.Unstructured) routing.Route {
	table := r.table.Load()
	if o.GetNamespace() == "" || table.Carrier(o) != "" {
		return table.Route(r.binding, o, "")
	}
	provider, known := r.namespaces.ProviderOf(o.GetNamespace())
	if !known {
		return routing.Route{State: routing.Elsewhere}
	}
	return table.Route(r.binding, o, provider)
}

// counts tells what objects of a resource refer to from what they merely contain: only those that the binding carries
// refer to claimed objects, and copies of the provider's, if they are of this place. What another provider's objects
// refer to is not this one's business (W4).
func counts(carriers routing.Table, binding, place string) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool {
		if from := o.GetAnnotations()[kubebindv1alpha2.PlaceUIDAnnotation]; from != "" && from == place {
			return true
		}
		return carriers.Carrier(o) == binding
	}
}
