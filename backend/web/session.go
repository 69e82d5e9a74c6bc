// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
)

// signInLink is where somebody signs in to come back to the page of a request, with all of its parameters.
func signInLink(r *http.Request, cluster string) string {
	back := url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	if r.Method != http.MethodGet {
		// A form is not sent again: it was on the page above.
		back.Path = back.Path[:max(1, strings.LastIndex(back.Path, "/"))]
	}
	query := url.Values{
		redirectParameter: {back.String()}, "client_type": {"ui"},
		sessionParameter: {rand.Text()},
	}
	if cluster != "" {
		query.Set(clusterParameter, cluster)
	}
	return (&url.URL{Path: "/api/authorize", RawQuery: query.Encode()}).String()
}

// signOut ends a session.
func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if err := s.house.Leave(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	target := url.URL{Path: "/"}
	if cluster := r.URL.Query().Get(clusterParameter); cluster != "" {
		target.RawQuery = url.Values{clusterParameter: {cluster}}.Encode()
	}
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// carried is what a person carries from a browser to a terminal by hand.
type carried struct {
	// Code is what the program waits for; or else Problem says why there is none.
	Code, Problem string
}

// code shows the end of a sign-in that a program began which could not open a browser itself.
func (s *Site) code(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	what := showing{name: "code", title: "Signed in", main: carried{Code: query.Get("code")}}
	if query.Get("code") == "" {
		problem := strings.TrimSpace(query.Get("error") + ": " + query.Get("error_description"))
		if query.Get("error") == "" {
			problem = "There is no code in the address of this page."
		}
		what.title, what.status, what.main = "You are not signed in", http.StatusBadRequest, carried{Problem: problem}
	}
	s.render(w, r, page{}, what)
}
