// SPDX-License-Identifier: Apache-2.0

// Package crds holds the generated CustomResourceDefinitions of kube-bind, one file each, and installs them. Charts,
// programs and tests all read this one copy.
//
// It knows nothing of the CRDs that travel from providers to consumers: those are in package boundschema.
package crds
