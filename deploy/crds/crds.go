// SPDX-License-Identifier: Apache-2.0

package crds

import (
	"embed"
	"fmt"
	"path"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
var files embed.FS

// Provider returns the CRDs that a provider needs: all but those of Consumer. It fails only when a file is broken.
func Provider() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	return load(func(crd *apiextensionsv1.CustomResourceDefinition) bool { return !forConsumer(crd) })
}

// Consumer returns the CRDs that a konnector needs in its consumer: APIServiceBinding and APIServiceBindingBundle. It
// fails only when a file is broken.
func Consumer() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	return load(forConsumer)
}

func forConsumer(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return slices.Contains([]string{"APIServiceBinding", "APIServiceBindingBundle"}, crd.Spec.Names.Kind)
}

// load returns the CRDs that are wanted, in the order of their file names.
func load(wanted func(*apiextensionsv1.CustomResourceDefinition) bool) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("listing the embedded CRDs: %w", err)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, entry := range entries {
		raw, err := files.ReadFile(path.Join(".", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading embedded CRD %s: %w", entry.Name(), err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(raw, crd); err != nil {
			return nil, fmt.Errorf("parsing embedded CRD %s: %w", entry.Name(), err)
		}
		if wanted(crd) {
			crds = append(crds, crd)
		}
	}
	return crds, nil
}
