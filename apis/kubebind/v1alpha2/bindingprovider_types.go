// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BindingProvider is how a provider introduces itself over HTTP: who it is, and how clients sign in. It is no object
// of a cluster.
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
	// +kubebuilder:validation:MinLength=1
	ProviderPrettyName string `json:"providerPrettyName"`
	// authenticationMethods are the ways to sign in.
	//
	// +required
	AuthenticationMethods []AuthenticationMethod `json:"authenticationMethods"`
}

// AuthenticationMethodOAuth2CodeGrant is the method of signing in with a browser.
const AuthenticationMethodOAuth2CodeGrant = "OAuth2CodeGrant"

// AuthenticationMethod is a way to sign in at a provider.
type AuthenticationMethod struct {
	// method names the way: OAuth2CodeGrant.
	//
	// +optional
	// +kubebuilder:validation:Enum=OAuth2CodeGrant
	Method string `json:"method,omitempty"`
	// oauth2CodeGrant is set for that method.
	//
	// +optional
	OAuth2CodeGrant *OAuth2CodeGrant `json:"oauth2CodeGrant,omitempty"`
}

// OAuth2CodeGrant says where a browser signs in.
type OAuth2CodeGrant struct {
	// authenticatedURL is the address to open.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	AuthenticatedURL string `json:"authenticatedURL"`
}
