// SPDX-License-Identifier: Apache-2.0

// Package clusterbinding watches over places: it judges a consumer's heartbeats, and has a place repaired when something
// of it is missing. Deleting the Secret with the token thus revokes it: a new one is made, in the kubeconfig too.
//
// The other conditions of a ClusterBinding, SecretValid and ValidVersion, are the konnector's, and are not touched.
package clusterbinding
