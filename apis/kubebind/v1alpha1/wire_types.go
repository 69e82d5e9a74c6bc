// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// BindingProvider is how a provider introduces itself over HTTP. See v1alpha2. It is no object of a cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:skip
type BindingProvider struct {
	metav1.TypeMeta `json:",inline"`

	// version is the backend's version.
	//
	// +required
	Version string `json:"version"`
	// providerPrettyName is the provider's name for people.
	//
	// +required
	ProviderPrettyName string `json:"providerPrettyName"`
	// authenticationMethods are the ways to sign in.
	//
	// +required
	AuthenticationMethods []kubebindv1alpha2.AuthenticationMethod `json:"authenticationMethods"`
}

// BindingResponse is the provider's answer to a bind. v1alpha2 calls it BindingResourceResponse. It is no object of a
// cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:skip
type BindingResponse struct {
	metav1.TypeMeta `json:",inline"`

	// authentication says as whom the client was signed in.
	//
	// +optional
	Authentication kubebindv1alpha2.BindingResponseAuthentication `json:"authentication,omitzero"`
	// kubeconfig reaches the consumer's place.
	//
	// +required
	Kubeconfig []byte `json:"kubeconfig"`
	// requests are the APIServiceExportRequests that the client is to create with that kubeconfig.
	//
	// +required
	Requests []runtime.RawExtension `json:"requests"`
}
