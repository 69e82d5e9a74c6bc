// SPDX-License-Identifier: Apache-2.0

package http

import (
	"net/http"

	ctrl "sigs.k8s.io/controller-runtime"

	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// konnectorManifests is what a cluster needs for a konnector of the backend's version. There is nothing secret in it.
func (d *Door) konnectorManifests(w http.ResponseWriter, r *http.Request) {
	raw, err := install.YAML(konnector.Objects(konnector.Options{Version: d.opts.Version}))
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
