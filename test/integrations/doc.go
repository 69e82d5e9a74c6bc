// SPDX-License-Identifier: Apache-2.0

// Package integrations applies the manifests of the pages below docs/integrations, with real CRDs, and plays the operators that these
// pages are about: an object goes up, and a status and a Secret come down.
package integrations
