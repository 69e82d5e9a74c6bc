// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// printBundle prints all that makes a binding of any cluster that it is applied to.
func (b *binder) printBundle(c *install.Contract, bindings []*kubebindv1alpha2.APIServiceBinding) error {
	bundle := &install.Bundle{
		Contract: c, Bindings: bindings, SkipKonnector: b.skipKonnector,
		Konnector: konnector.Options{Image: b.konnectorImage, Version: b.Version},
	}
	b.say("This has a credential: keep it as you keep Secrets.")
	b.say("Made at the provider: namespace %s at %s, with the exports %s. Nothing was written to your cluster.",
		c.Namespace, c.Config.Host, strings.Join(requested(c), ", "))
	if b.format == "yaml" {
		// A document for each object: people read and split them.
		raw, err := bundle.YAML()
		if err != nil {
			return err
		}
		_, err = b.Out.Write(raw)
		return err
	}
	objects, err := bundle.Objects()
	if err != nil {
		return err
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, object := range objects {
		content, err := install.Content(object)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, unstructured.Unstructured{Object: content})
	}
	return b.print(b.Out, b.ErrOut, list, table{
		columns: []string{"KIND", "NAMESPACE", "NAME"},
		row: func(item *unstructured.Unstructured) []string {
			return []string{item.GetKind(), orElse(item.GetNamespace(), "<none>"), item.GetName()}
		},
	})
}

// requested are the names of what a contract asks for.
func requested(c *install.Contract) []string {
	var out []string
	for i := range c.Requests {
		out = append(out, c.Requests[i].Name)
	}
	return out
}
