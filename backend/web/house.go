// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"context"
	"net/http"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/catalog"
)

// House is the backend behind the pages. Errors for people are kubebindv1alpha2.Errors.
type House interface {
	// Enter returns who sends a request, in the logical cluster that its cluster_id names. The error has the code
	// AUTHENTICATION_FAILED if nobody is signed in.
	Enter(r *http.Request) (Guest, error)
	// Leave ends the session of a request, if there is one.
	Leave(w http.ResponseWriter, r *http.Request) error
}

// Guest is somebody who is signed in, in a logical cluster.
type Guest interface {
	// Person is who it is.
	Person() *auth.Session
	// Offers are what the guest may bind.
	Offers(ctx context.Context) (*Offers, error)
	// Offer is one template that the guest may bind, with the CRDs of its resources as far as they are there.
	Offer(ctx context.Context, name string) (*kubebindv1alpha2.APIServiceExportTemplate, catalog.Sources, error)
	// Bind binds a template.
	Bind(ctx context.Context, wish Wish) (*kubebindv1alpha2.BindingResourceResponse, error)
	// Deliver binds, in the cluster of a kubeconfig, all that the guest has bound under their own name.
	Deliver(ctx context.Context, name string, kubeconfig []byte) error
	// Places are what the guest has bound.
	Places(ctx context.Context) ([]Place, error)
}

// Offers are templates, and the collections that they are in.
type Offers struct {
	// Templates by name.
	Templates []kubebindv1alpha2.APIServiceExportTemplate
	// Collections by name; none is empty, and all they name is in Templates.
	Collections []kubebindv1alpha2.Collection
}

// Wish is what is to be bound, and for whom.
type Wish struct {
	// Template to bind, and the Name of the binding.
	Template, Name string
	// Identity is the consumer cluster's, whose konnector or CLI will ask for the export. Without one the place is that of the
	// person, and the export is made with the binding.
	Identity string
}

// Place is what a consumer has at the provider.
type Place struct {
	// Binding is the place's ClusterBinding.
	Binding kubebindv1alpha2.ClusterBinding
	// Exports are what was bound, by name.
	Exports []kubebindv1alpha2.APIServiceExport
	// Own says that the consumer is only known by the person who bound.
	Own bool
}

// Name is what people call the consumer.
func (p *Place) Name() string {
	return cmp.Or(p.Binding.Annotations[kubebindv1alpha2.ClusterPrettyNameAnnotation], p.Binding.Namespace)
}
