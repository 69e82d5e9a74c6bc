// SPDX-License-Identifier: Apache-2.0

// Package credential turns a ServiceAccount's token into the kubeconfig that a consumer gets.
//
// A token expires, and is renewed after half of its lifetime; Issued knows when. Or it is that of a Secret of type
// kubernetes.io/service-account-token, which has no expiry, for providers that ask for it. Either way it is refused once its
// ServiceAccount is gone. The package reads and makes bytes; who stores them, and asks for tokens, is the caller.
package credential
