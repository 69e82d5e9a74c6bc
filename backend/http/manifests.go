// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/yaml"

	"kube-bind.io/kube-bind/deploy/konnector"
)

// konnectorManifests is what a cluster needs for a konnector of the backend's version. There is nothing secret in it.
func (d *Door) konnectorManifests(w http.ResponseWriter, r *http.Request) {
	raw, err := manifests(d.opts.Version)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/yaml; charset=utf-8")
	w.Header().Set("Content-Disposition", "attachment; filename=konnector.yaml")
	if _, err := w.Write(raw); err != nil {
		ctrl.LoggerFrom(r.Context()).V(2).Info("the client has gone", "error", err.Error())
	}
}

func manifests(version string) ([]byte, error) {
	var out bytes.Buffer
	for _, object := range konnector.Objects(konnector.Options{Version: version}) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return nil, fmt.Errorf("encoding the manifest of %s: %w", object.GetName(), err)
		}
		unstructured.RemoveNestedField(content, "status")
		raw, err := yaml.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("encoding the manifest of %s: %w", object.GetName(), err)
		}
		fmt.Fprintf(&out, "---\n%s", raw)
	}
	return out.Bytes(), nil
}
