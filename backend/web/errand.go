// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"strings"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
)

// Parameters of an address that are passed on from page to page. They are upstream's, but for response.
const (
	clusterParameter  = "cluster_id"
	redirectParameter = "redirect_url"
	sessionParameter  = "session_id"
	consumerParameter = "consumer_id"
	responseParameter = "response"
	// choice is the value of responseParameter by which a program asks for what was chosen, and binds it by itself.
	choice = "choice"
)

// errand is what a browser was sent here for.
type errand struct {
	// parameters are the ones that are passed on.
	parameters url.Values
	// program waits in a terminal for what is bound here; nil if none does.
	program *url.URL
}

// parseErrand reads an errand from the address of a request. The errand can be used even if there is an error.
func parseErrand(r *http.Request) (errand, error) {
	query, out := r.URL.Query(), errand{parameters: url.Values{}}
	if cluster := query.Get(clusterParameter); cluster != "" {
		out.parameters.Set(clusterParameter, cluster)
	}
	raw := query.Get(redirectParameter)
	if raw == "" {
		return out, nil
	}
	program, err := auth.ProgramTarget(raw)
	if err != nil {
		return out, badRequest("The program that sent you here cannot be answered: " + err.Error() + ".")
	}
	// Browsers know no way to allow it in a Content-Security-Policy.
	if strings.Contains(program.Host, "[") {
		return out, badRequest("The program that sent you here cannot be answered: it must wait at 127.0.0.1 or localhost, not at " + program.Host + ".")
	}
	if query.Get(sessionParameter) == "" {
		return out, badRequest("The program that sent you here has not named its session (session_id).")
	}
	if query.Get(consumerParameter) == "" && query.Get(responseParameter) != choice {
		return out, badRequest("The program that sent you here has not named the cluster that it binds for (consumer_id).")
	}
	out.program = program
	for _, name := range []string{redirectParameter, sessionParameter, consumerParameter, responseParameter} {
		if value := query.Get(name); value != "" {
			out.parameters.Set(name, value)
		}
	}
	return out, nil
}

// Link returns the address of a page of ours for the same errand. Pairs of names and values are added to it; those without
// value are not.
func (e errand) Link(path string, pairs ...string) string {
	query := url.Values{}
	for name, values := range e.parameters {
		query[name] = values
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return (&url.URL{Path: path, RawQuery: query.Encode()}).String()
}

// Parameters are for forms that are sent with GET: those drop the query of their address.
func (e errand) Parameters() map[string][]string { return e.parameters }

// Cluster is the logical cluster, or "".
func (e errand) Cluster() string { return e.parameters.Get(clusterParameter) }

// Program is where a program waits, as people may recognise it; "" if none does.
func (e errand) Program() string {
	if e.program == nil {
		return ""
	}
	return e.program.Host
}

// answer returns the address of the waiting program, with an answer to it.
func (e errand) answer(answer url.Values) string {
	answer.Set(sessionParameter, e.parameters.Get(sessionParameter))
	if id := e.parameters.Get(consumerParameter); id != "" {
		answer.Set(consumerParameter, id)
	}
	return auth.WithQuery(e.program, answer)
}

func badRequest(message string) error {
	return &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeBadRequest, Message: message}
}
