// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// Bundle is all that makes a binding of any cluster that it is applied to, by one kubectl apply.
type Bundle struct {
	// Contract with the provider.
	Contract *Contract
	// Bindings are the contract's, with the consumer's answers to claims: there are no rights on what is refused.
	Bindings []*kubebindv1alpha2.APIServiceBinding
	// Konnector is which one comes along.
	Konnector konnector.Options
	// SkipKonnector leaves the konnector out: somebody else deploys it. Its rights for the bindings are in the bundle.
	SkipKonnector bool
}

// Objects of the bundle, in the order in which they can be applied: namespace, CRDs, konnector with its rights, and the
// credential with the bindings in it.
func (b *Bundle) Objects() ([]client.Object, error) {
	definitions, err := crds.Consumer()
	if err != nil {
		return nil, fmt.Errorf("reading kube-bind's CRDs: %w", err)
	}
	all := konnector.Objects(b.Konnector)
	namespace, deployment := all[0], all[1:]
	out := []client.Object{namespace}
	for _, crd := range definitions {
		out = append(out, crd)
	}
	if !b.SkipKonnector {
		out = append(out, deployment...)
	}
	for i, binding := range b.Bindings {
		out = append(out, roleFor(binding, &b.Contract.Requests[i].Spec))
	}
	secret, err := b.secret()
	if err != nil {
		return nil, err
	}
	return append(out, secret), nil
}

// YAML is the bundle as kubectl reads it.
func (b *Bundle) YAML() ([]byte, error) {
	objects, err := b.Objects()
	if err != nil {
		return nil, err
	}
	return YAML(objects)
}

// YAML are objects as kubectl reads them.
func YAML(objects []client.Object) ([]byte, error) {
	var out bytes.Buffer
	for _, object := range objects {
		content, err := Content(object)
		if err != nil {
			return nil, err
		}
		raw, err := yaml.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("encoding the manifest of %s: %w", object.GetName(), err)
		}
		fmt.Fprintf(&out, "---\n%s", raw)
	}
	return out.Bytes(), nil
}

// enclosedBinding is what a bundle's Secret says of a binding: all but which Secret it uses.
type enclosedBinding struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec,omitempty"`
}

// secret has the bindings in it, which the konnector makes. As objects of their own kubectl would refuse them, because their CRD
// comes in the same apply.
func (b *Bundle) secret() (*corev1.Secret, error) {
	var list []enclosedBinding
	for _, binding := range b.Bindings {
		e := enclosedBinding{APIVersion: binding.APIVersion, Kind: binding.Kind}
		e.Metadata.Name = binding.Name
		if len(binding.Spec.PermissionClaims) > 0 {
			e.Spec = map[string]any{"permissionClaims": binding.Spec.PermissionClaims}
		}
		list = append(list, e)
	}
	raw, err := yaml.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encoding the bindings: %w", err)
	}
	out := b.Contract.Secret()
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, kubebindv1alpha2.BindingsAnnotation, string(raw))
	return out, nil
}
