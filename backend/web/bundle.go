// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// bundle is what somebody takes to a cluster by hand.
type bundle struct {
	// Template that was bound, under the Name.
	Template, Name string
	// File is a name for the Manifest, which has a credential in it.
	File, Manifest string
	// Apply, Appear and Ready are commands.
	Apply, Appear, Ready string
	// Uploads says that the provider does it for those who upload a kubeconfig.
	Uploads bool
}

// newBundle is the same that kubectl bind --dry-run prints, with the konnector of a version.
func newBundle(template, name string, response *kubebindv1alpha2.BindingResourceResponse, version string) (*bundle, error) {
	contract, err := install.FromResponse(response)
	if err != nil {
		return nil, fmt.Errorf("reading what was bound: %w", err)
	}
	all := &install.Bundle{Contract: contract, Bindings: contract.Bindings(), Konnector: konnector.Options{Version: version}}
	manifest, err := all.YAML()
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	file := name + ".yaml"
	return &bundle{
		Template: template, Name: name,
		File: file, Manifest: string(manifest),
		Apply:  "kubectl apply -f " + file,
		Appear: fmt.Sprintf("kubectl wait apiservicebinding/%s --for=create --timeout=5m", name),
		Ready:  fmt.Sprintf("kubectl wait apiservicebinding/%s --for=condition=Ready --timeout=5m", name),
	}, nil
}
