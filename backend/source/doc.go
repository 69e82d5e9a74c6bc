// SPDX-License-Identifier: Apache-2.0

// Package source finds the schemas that a provider offers: CRDs that carry the label kube-bind.io/exported=true.
//
// It reads, and judges nothing; that is the catalog's.
package source
