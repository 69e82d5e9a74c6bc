// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/reply"
)

// Options say what the pages tell of the backend.
type Options struct {
	// PrettyName is the provider's name for people.
	PrettyName string
	// Version is the backend's.
	Version string
	// Origin is where people find the backend: scheme and host.
	Origin string
	// Uploads says that kubeconfigs are taken, see Guest.Deliver.
	Uploads bool
}

// Site serves the pages.
type Site struct {
	opts   Options
	house  House
	assets *assets
	pages  pages
}

// New returns a Site of a House.
func New(opts Options, house House) (*Site, error) {
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	pages, err := newPages(assets)
	return &Site{opts: opts, house: house, assets: assets, pages: pages}, err
}

// Routes are the handlers of the pages, by path and method.
func (s *Site) Routes() map[string]map[string]http.Handler {
	get := func(h http.Handler) map[string]http.Handler { return map[string]http.Handler{http.MethodGet: h} }
	post := func(h http.Handler) map[string]http.Handler { return map[string]http.Handler{http.MethodPost: h} }
	return map[string]map[string]http.Handler{
		"/{$}":                     get(s.visited(s.catalogue)),
		"/templates/{name}":        get(s.visited(s.offer)),
		"/templates/{name}/cli":    post(s.visited(s.bindForProgram)),
		"/templates/{name}/bundle": post(s.visited(s.bindForPerson)),
		"/templates/{name}/upload": post(s.visited(s.bindInCluster)),
		"/bindings":                get(s.visited(s.bindings)),
		"/cli":                     get(http.HandlerFunc(s.code)),
		"/sign-out":                post(http.HandlerFunc(s.signOut)),
		assetPath + "{name}":       get(http.HandlerFunc(s.asset)),
	}
}

// visit is a request for a page, of somebody who is signed in.
type visit struct {
	guest  Guest
	errand errand
	w      http.ResponseWriter
	r      *http.Request
}

// visited is a handler for whoever is signed in. Others are asked to.
func (s *Site) visited(handle func(v *visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		errand, err := parseErrand(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		guest, err := s.house.Enter(r)
		if nobody(err) {
			s.welcome(w, r, errand)
			return
		}
		if err == nil {
			err = handle(&visit{guest: guest, errand: errand, w: w, r: r})
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// nobody tells whether an error says that nobody is signed in.
func nobody(err error) bool {
	known, ok := errors.AsType[*kubebindv1alpha2.Error](err)
	return ok && known.Code == kubebindv1alpha2.ErrorCodeAuthenticationFailed
}

func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, answer := reply.Explain(w, r, err)
	s.Problem(w, r, status, answer)
}

func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	if !s.assets.serve(w, r) {
		s.fail(w, r, &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeResourceNotFound, Message: "There is nothing at " + r.URL.Path + "."})
	}
}
