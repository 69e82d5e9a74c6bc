// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// thing is a resource that is tried. The names are those of objects that exist in some places: rights may be by name.
type thing struct {
	group, version, resource, kind string
	names                          []string
	namespaced                     bool
}

// spot is where it is tried: a logical cluster, directly or by a virtual workspace.
type spot struct {
	// what the failure calls it.
	what string
	// path on the server.
	path string
	// namespaces to try namespaced resources in, besides all at once.
	namespaces []string
}

// attempt is one request.
type attempt struct {
	where, resource, verb string
	method, path, body    string
	contentType           string
}

// verbs are all that there are.
func verbs() []string {
	return []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
}

// attempts are all requests for all things in a spot.
func attempts(at spot, things []thing) []attempt {
	var out []attempt
	for _, r := range things {
		for _, verb := range verbs() {
			if !r.namespaced {
				out = append(out, r.attempts(at, "", verb)...)
				continue
			}
			for _, namespace := range at.namespaces {
				out = append(out, r.attempts(at, namespace, verb)...)
			}
			if verb == "list" || verb == "watch" {
				out = append(out, r.attempts(at, "", verb)...)
			}
		}
	}
	return out
}

func (r thing) attempts(at spot, namespace, verb string) []attempt {
	base := at.path + "/apis/" + r.group + "/" + r.version
	if r.group == "" {
		base = at.path + "/api/" + r.version
	}
	where := at.what
	if namespace != "" {
		base += "/namespaces/" + namespace
		where += "/" + namespace
	}
	resource, sub, _ := strings.Cut(r.resource, "/")
	collection := base + "/" + resource
	out := attempt{where: where, resource: r.resource, verb: verb, path: collection}
	if r.group != "" {
		out.resource += "." + r.group
	}
	if sub != "" { // a subresource is of one object
		if verb == "list" || verb == "watch" || verb == "deletecollection" {
			return nil
		}
		return r.named(out, verb, namespace, "/"+sub)
	}
	switch verb {
	case "list":
		out.method = http.MethodGet
	case "watch":
		out.method, out.path = http.MethodGet, out.path+"?watch=true&timeoutSeconds=1"
	case "create":
		out.method, out.path = http.MethodPost, out.path+"?dryRun=All"
		out.body, out.contentType = r.body(namespace, "attempt"), "application/json"
	case "deletecollection":
		out.method, out.path = http.MethodDelete, out.path+"?dryRun=All"
	default:
		return r.named(out, verb, namespace, "")
	}
	return []attempt{out}
}

func (r thing) named(like attempt, verb, namespace, sub string) []attempt {
	var out []attempt
	for _, name := range r.names {
		a := like
		a.path += "/" + name + sub
		switch verb {
		case "get":
			a.method = http.MethodGet
		case "create":
			a.method, a.path, a.body, a.contentType = http.MethodPost, a.path+"?dryRun=All", r.body(namespace, name), "application/json"
		case "update":
			a.method, a.path, a.body, a.contentType = http.MethodPut, a.path+"?dryRun=All", r.body(namespace, name), "application/json"
		case "patch":
			a.method, a.path, a.body, a.contentType = http.MethodPatch, a.path+"?dryRun=All", `{"metadata":{"labels":{"a":"b"}}}`, "application/merge-patch+json"
		case "delete":
			a.method, a.path = http.MethodDelete, a.path+"?dryRun=All"
		}
		out = append(out, a)
	}
	return out
}

func (r thing) body(namespace, name string) string {
	version := r.version
	if r.group != "" {
		version = r.group + "/" + r.version
	}
	raw, err := json.Marshal(map[string]any{
		"apiVersion": version, "kind": r.kind, "metadata": map[string]any{"namespace": namespace, "name": name}, "spec": map[string]any{},
	})
	if err != nil {
		panic(err) // strings are always encoded
	}
	return string(raw)
}

// answers does all attempts with a credential, and returns the status codes.
func answers(t *testing.T, config *rest.Config, all []attempt) []int {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	out, errs := make([]int, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	next := make(chan int)
	for range 16 {
		group.Go(func() {
			for i := range next {
				out[i], errs[i] = all[i].do(t.Context(), client, server.Scheme+"://"+server.Host)
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	group.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s %s in %s: %v", all[i].verb, all[i].resource, all[i].where, err)
		}
	}
	return out
}

func (a attempt) do(ctx context.Context, client *http.Client, server string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, a.method, server+a.path, strings.NewReader(a.body))
	if err != nil {
		return 0, err
	}
	if a.contentType != "" {
		request.Header.Set("Content-Type", a.contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	if response.StatusCode < 300 { // a watch goes on
		return response.StatusCode, response.Body.Close()
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := response.Body.Close(); err != nil {
		return 0, err
	}
	return response.StatusCode, err
}

// refused tells whether an answer says that the caller may not, whatever else is wrong with the request.
func refused(code int) bool { return code == http.StatusForbidden || code == http.StatusUnauthorized }

// matrix is where which verbs on which resources were not refused, with the answers: one line for each place and resource.
func matrix(all []attempt, codes []int) string {
	cells := map[string]string{}
	var rows []string
	for i, a := range all {
		if refused(codes[i]) {
			continue
		}
		row := fmt.Sprintf("%-60s %-50s", a.where, a.resource)
		if _, found := cells[row]; !found {
			rows = append(rows, row)
		}
		cells[row] += fmt.Sprintf(" %s=%d", a.verb, codes[i])
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(row + cells[row] + "\n")
	}
	return out.String()
}
