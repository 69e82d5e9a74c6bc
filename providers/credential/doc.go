// SPDX-License-Identifier: Apache-2.0

// Package credential turns a ServiceAccount's token into the kubeconfig that a consumer gets.
//
// The token is that of a Secret of type kubernetes.io/service-account-token: it has no expiry, and deleting the Secret
// revokes it at once. The package reads and makes bytes; who stores them, and when a new one is due, is the caller's.
package credential
