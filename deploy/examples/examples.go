// SPDX-License-Identifier: Apache-2.0

// Package examples has the manifests of APIs to play with: what a provider applies to offer them.
package examples

import (
	_ "embed" // for the manifests

	"slices"
)

//go:embed crd-cowboys.yaml
var crdCowboys []byte

//go:embed crd-sheriffs.yaml
var crdSheriffs []byte

//go:embed template-cowboys.yaml
var templateCowboys []byte

//go:embed template-sheriffs.yaml
var templateSheriffs []byte

// Manifests are the objects, one in each: CRDs, then the templates that offer them.
func Manifests() [][]byte {
	return slices.Clone([][]byte{crdCowboys, crdSheriffs, templateCowboys, templateSheriffs})
}
