// SPDX-License-Identifier: Apache-2.0

// Package clusterbinding watches over places: it judges a consumer's heartbeats, and has a place repaired when something
// of it is missing, or when its credential is to be renewed. Deleting the ServiceAccount thus revokes all tokens: another is
// made, with a new token in the kubeconfig.
//
// The other conditions of a ClusterBinding, SecretValid and ValidVersion, are the konnector's, and are not touched.
package clusterbinding
