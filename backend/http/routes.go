// SPDX-License-Identifier: Apache-2.0

package http

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/reply"
)

// issuerPath is what the embedded issuer's paths begin with.
const issuerPath = "/oidc/"

// Handler returns all routes.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, methods := range d.routes() {
		for method, handler := range methods {
			mux.Handle(method+" "+path, handler)
		}
		mux.Handle(path, d.wrongMethod(slices.Sorted(maps.Keys(methods))))
	}
	if d.opts.Issuer != nil {
		mux.Handle(issuerPath, d.opts.Issuer)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, notFound("There is nothing at %s.", r.URL.Path))
	})
	return d.observed(d.traced(d.fenced(mux)))
}

// methods are the handlers of a path. GET serves HEAD as well.
type methods map[string]http.Handler

// routes are all that is served, by path, but for the embedded issuer.
func (d *Door) routes() map[string]methods {
	routes := d.api()
	for path, page := range d.site.Routes() {
		routes[path] = methods(page)
	}
	return routes
}

func (d *Door) api() map[string]methods {
	f := func(h http.HandlerFunc) http.Handler { return h }
	return map[string]methods{
		"/healthz":                 {http.MethodGet: f(func(w http.ResponseWriter, r *http.Request) { reply.Text(w, r, "ok") })},
		"/api/healthz":             {http.MethodGet: f(func(http.ResponseWriter, *http.Request) {})},
		"/exports":                 {http.MethodGet: f(redirectToExports)},
		"/api/exports":             {http.MethodGet: f(d.describe)},
		"/api/bindable-resources":  {http.MethodGet: f(claimable)},
		"/api/konnector-manifests": {http.MethodGet: f(d.konnectorManifests)},
		"/api/authorize":           {http.MethodGet: f(d.signIn.Authorize), http.MethodPost: f(d.signIn.Authorize)},
		auth.CallbackPath:          {http.MethodGet: f(d.signIn.Callback)},
		"/api/token":               {http.MethodPost: f(d.signIn.Token)},
		"/api/logout":              {http.MethodPost: f(d.signIn.Logout)},
		"/api/ping":                {http.MethodGet: d.signedIn(ping)},
		"/api/templates":           {http.MethodGet: d.signedIn(d.templates)},
		"/api/collections":         {http.MethodGet: d.signedIn(d.collections)},
		"/api/bind":                {http.MethodPost: d.signedIn(d.bind)},
		"/api/apply-binding":       {http.MethodPost: d.signedIn(d.applyBinding)},
		"/api/consumer-status":     {http.MethodGet: d.signedIn(d.consumerStatus)},
	}
}

func (d *Door) wrongMethod(allowed []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		d.failWith(w, r, http.StatusMethodNotAllowed, &kubebindv1alpha2.Error{
			Code: kubebindv1alpha2.ErrorCodeBadRequest, Message: r.URL.Path + " takes " + strings.Join(allowed, " and ") + ", not " + r.Method + ".",
		})
	})
}

func ping(w http.ResponseWriter, r *http.Request, _ visit) error {
	reply.Text(w, r, "pong")
	return nil
}
