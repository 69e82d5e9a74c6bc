// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// BindingResourceResponse is the provider's answer to a bind: the consumer's credential and the requests to make with
// it. It travels over HTTP, or as JSON in the Secret that answers a BindableResourcesRequest; it is no object of a
// cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:skip
type BindingResourceResponse struct {
	metav1.TypeMeta `json:",inline"`

	// authentication says as whom the client was signed in. It is only set over HTTP.
	//
	// +optional
	Authentication BindingResponseAuthentication `json:"authentication,omitzero"`
	// kubeconfig reaches the consumer's place. The namespace of its current context is the contract namespace.
	//
	// +required
	Kubeconfig []byte `json:"kubeconfig"`
	// requests are the APIServiceExportRequests that the client is to create with that kubeconfig.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	Requests []runtime.RawExtension `json:"requests"`
	// providerNamespace is the contract namespace.
	//
	// +optional
	ProviderNamespace string `json:"providerNamespace,omitempty"`
	// bindingName is the name of the request that the provider already made for the client, if it did.
	//
	// +optional
	BindingName string `json:"bindingName,omitempty"`
}

// BindingResponseAuthentication says as whom a client was signed in.
type BindingResponseAuthentication struct {
	// oauth2CodeGrant is set for that way to sign in.
	//
	// +optional
	OAuth2CodeGrant *BindingResponseOAuth2CodeGrant `json:"oauth2CodeGrant,omitempty"`
}

// BindingResponseOAuth2CodeGrant is the session of a client that was signed in with a browser.
type BindingResponseOAuth2CodeGrant struct {
	// sid is the session's id.
	//
	// +required
	SessionID string `json:"sid"`
	// id is the client: "<issuer>/<subject>".
	//
	// +required
	ID string `json:"id"`
}

// APIServiceExportRequestResponse is an APIServiceExportRequest as a provider sends it: without the metadata that only
// an API server gives. It is no object of a cluster.
type APIServiceExportRequestResponse struct {
	metav1.TypeMeta `json:",inline"`
	// metadata holds the name.
	NameObjectMeta `json:"metadata"`

	// spec is what is to be asked for.
	//
	// +required
	Spec APIServiceExportRequestSpec `json:"spec"`
	// status is empty.
	//
	// +optional
	Status APIServiceExportRequestStatus `json:"status,omitzero"`
}

// NameObjectMeta is the one part of an object's metadata that a provider proposes.
type NameObjectMeta struct {
	// name is the proposed name.
	//
	// +optional
	Name string `json:"name,omitempty"`
}
