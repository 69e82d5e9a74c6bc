// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// printBundle prints all that makes a binding of any cluster that it is applied to: namespace, CRDs, konnector, and the credential
// with the bindings.
func (b *binder) printBundle(c *install.Contract) error {
	objects, err := b.bundle(c)
	if err != nil {
		return err
	}
	var clean []map[string]any
	for _, object := range objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return fmt.Errorf("encoding the %s: %w", object.GetName(), err)
		}
		unstructured.RemoveNestedField(content, "status")
		unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
		unstructured.RemoveNestedField(content, "spec", "template", "metadata", "creationTimestamp")
		clean = append(clean, content)
	}
	b.say("This has a credential: keep it as you keep Secrets.")
	switch b.format {
	case "json":
		raw, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": clean}, "", "    ")
		if err != nil {
			return fmt.Errorf("encoding the bundle: %w", err)
		}
		_, err = fmt.Fprintln(b.Out, string(raw))
		return err
	case "yaml":
		for _, content := range clean {
			raw, err := yaml.Marshal(content)
			if err != nil {
				return fmt.Errorf("encoding the bundle: %w", err)
			}
			if _, err := fmt.Fprintf(b.Out, "---\n%s", raw); err != nil {
				return err
			}
		}
		return nil
	}
	for _, content := range clean {
		u := unstructured.Unstructured{Object: content}
		if _, err := fmt.Fprintf(b.Out, "%s/%s\n", u.GetKind(), u.GetName()); err != nil {
			return err
		}
	}
	return nil
}

// bundle are the objects in the order in which they can be applied.
func (b *binder) bundle(c *install.Contract) ([]client.Object, error) {
	definitions, err := crds.Consumer()
	if err != nil {
		return nil, fmt.Errorf("reading kube-bind's CRDs: %w", err)
	}
	all := konnector.Objects(konnector.Options{Image: b.konnectorImage, Version: b.Version})
	namespace, deployment := all[0], all[1:]
	out := []client.Object{namespace}
	for _, crd := range definitions {
		out = append(out, crd)
	}
	if !b.skipKonnector {
		out = append(out, deployment...)
		for i := range c.Requests {
			out = append(out, konnector.RoleFor(c.Requests[i].Name, &c.Requests[i].Spec))
		}
	}
	secret := c.Secret()
	if err := b.enclose(secret, c); err != nil {
		return nil, err
	}
	return append(out, secret), nil
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

// enclose puts the bindings into the Secret, from which the konnector makes them. As objects of their own kubectl would refuse
// them, because their CRD comes in the same apply.
func (b *binder) enclose(secret *corev1.Secret, c *install.Contract) error {
	var list []enclosedBinding
	for i, binding := range c.Bindings() {
		e := enclosedBinding{APIVersion: binding.APIVersion, Kind: binding.Kind}
		e.Metadata.Name = binding.Name
		if refused := b.refusals(&c.Requests[i].Spec); len(refused) > 0 {
			e.Spec = map[string]any{"permissionClaims": refused}
		}
		list = append(list, e)
	}
	raw, err := yaml.Marshal(list)
	if err != nil {
		return fmt.Errorf("encoding the bindings: %w", err)
	}
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, kubebindv1alpha2.BindingsAnnotation, string(raw))
	return nil
}
