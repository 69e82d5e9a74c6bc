// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// bundle is what somebody takes to a cluster by hand.
type bundle struct {
	// Template that was bound, under the Name.
	Template, Name string
	// File is a name for the Manifest, which has a credential in it.
	File, Manifest string
	// Apply and Wait are commands.
	Apply, Wait string
	// Uploads says that the provider does it for those who upload a kubeconfig.
	Uploads bool
}

// object is one of Kubernetes, as it is written: without a status.
type object map[string]any

// newBundle makes the manifest of a binding.
func newBundle(template, name string, kubeconfig []byte) (bundle, error) {
	secret := "kubeconfig-" + name
	var documents []string
	for _, o := range []object{
		{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": kubebindv1alpha2.ConsumerNamespace}},
		{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": object{"namespace": kubebindv1alpha2.ConsumerNamespace, "name": secret},
			"data":     map[string][]byte{kubebindv1alpha2.KubeconfigSecretKey: kubeconfig},
		},
		{
			"apiVersion": kubebindv1alpha2.GroupVersion.String(), "kind": "APIServiceBinding", "metadata": object{"name": name},
			"spec": object{"kubeconfigSecretRef": object{
				"namespace": kubebindv1alpha2.ConsumerNamespace, "name": secret, "key": kubebindv1alpha2.KubeconfigSecretKey,
			}},
		},
	} {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return bundle{}, fmt.Errorf("writing the manifest: %w", err)
		}
		documents = append(documents, string(raw))
	}
	file := name + ".yaml"
	return bundle{
		Template: template, Name: name,
		File: file, Manifest: strings.Join(documents, "---\n"),
		Apply: "kubectl apply -f " + file,
		Wait:  fmt.Sprintf("kubectl wait apiservicebinding/%s --for=condition=Ready --timeout=2m", name),
	}, nil
}
