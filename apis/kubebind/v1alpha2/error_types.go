// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ErrorKind is the kind of an Error.
const ErrorKind = "Error"

// Codes of an Error.
const (
	// ErrorCodeAuthenticationFailed means that the client is not signed in.
	ErrorCodeAuthenticationFailed = "AUTHENTICATION_FAILED"
	// ErrorCodeAuthorizationFailed means that the client may not do this.
	ErrorCodeAuthorizationFailed = "AUTHORIZATION_FAILED"
	// ErrorCodeResourceNotFound means that something the client named does not exist.
	ErrorCodeResourceNotFound = "RESOURCE_NOT_FOUND"
	// ErrorCodeInternal means that the provider failed; trying again may help.
	ErrorCodeInternal = "INTERNAL_ERROR"
	// ErrorCodeBadRequest means that the request is malformed.
	ErrorCodeBadRequest = "BAD_REQUEST"
	// ErrorCodeClusterConnectionFailed means that the provider's API server cannot be reached.
	ErrorCodeClusterConnectionFailed = "CLUSTER_CONNECTION_FAILED"
)

// Error is how a provider says no over HTTP. It is no object of a cluster.
type Error struct {
	metav1.TypeMeta `json:",inline"`

	// message says what went wrong, for people.
	//
	// +required
	Message string `json:"message"`
	// code says what went wrong, for programs.
	//
	// +required
	Code string `json:"code"`
	// details says more, for people.
	//
	// +optional
	Details string `json:"details,omitempty"`
}

// Error returns the message, with the details behind it.
func (e *Error) Error() string {
	if e.Details == "" {
		return e.Message
	}
	return e.Message + ": " + e.Details
}
