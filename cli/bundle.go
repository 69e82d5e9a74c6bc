// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"

	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// printBundle prints all that makes a binding of any cluster that it is applied to.
func (b *binder) printBundle(c *install.Contract) error {
	bundle := &install.Bundle{
		Contract: c, Bindings: b.bindings(c), SkipKonnector: b.skipKonnector,
		Konnector: konnector.Options{Image: b.konnectorImage, Version: b.Version},
	}
	b.say("This has a credential: keep it as you keep Secrets.")
	if b.format == "yaml" {
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
	if b.format == "json" {
		items := make([]map[string]any, len(objects))
		for i, object := range objects {
			if items[i], err = install.Content(object); err != nil {
				return err
			}
		}
		raw, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "    ")
		if err != nil {
			return fmt.Errorf("encoding the bundle: %w", err)
		}
		_, err = fmt.Fprintln(b.Out, string(raw))
		return err
	}
	for _, object := range objects {
		if _, err := fmt.Fprintf(b.Out, "%s/%s\n", object.GetObjectKind().GroupVersionKind().Kind, object.GetName()); err != nil {
			return err
		}
	}
	return nil
}
