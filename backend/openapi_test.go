// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"sigs.k8s.io/yaml"
)

// document describes the HTTP API.
const document = "../docs/reference/http-api/openapi.yaml"

// apiDoc is the description of the HTTP API.
type apiDoc struct {
	t   *testing.T
	doc *openapi3.T
	// called are the answers that were seen, as "GET /path 200".
	called map[string]bool
}

// newAPIDoc reads the document, and closes its schemas: clients must bear fields that they do not know, but the document is
// to have all that there are.
func newAPIDoc(t *testing.T) *apiDoc {
	t.Helper()
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var content any
	if err := yaml.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	closeSchemas(content)
	doc, err := openapi3.NewLoader().LoadFromData(marshal(t, content))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &apiDoc{t: t, doc: doc, called: map[string]bool{}}
}

func closeSchemas(node any) {
	switch node := node.(type) {
	case []any:
		for _, below := range node {
			closeSchemas(below)
		}
	case map[string]any:
		for _, below := range node {
			closeSchemas(below)
		}
		if _, open := node["additionalProperties"]; node["type"] == "object" && !open {
			node["additionalProperties"] = false
		}
	}
}

// call is a request, and what is to be answered.
type call struct {
	// operation is "GET /path", with {name} in it for the name.
	operation, name string
	query           url.Values
	header          map[string]string
	body            []byte
	status          int
	// wrong says that the document does not allow the request.
	wrong bool
}

// call sends a request as somebody, and wants the request and the answer to be what the document says.
func (d *apiDoc) call(who visitor, c call) reaction {
	d.t.Helper()
	method, pattern, _ := strings.Cut(c.operation, " ")
	item := d.doc.Paths.Value(pattern)
	if item == nil || item.GetOperation(method) == nil {
		d.t.Fatalf("%s is not described", c.operation)
	}
	target := who.origin + strings.ReplaceAll(pattern, "{name}", c.name)
	if c.query != nil {
		target += "?" + c.query.Encode()
	}
	request, err := http.NewRequestWithContext(d.t.Context(), method, target, bytes.NewReader(c.body))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
	}
	for _, cookie := range who.Jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: map[string]string{"name": c.name},
		Route:   &routers.Route{Spec: d.doc, Path: pattern, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options: &openapi3filter.Options{AuthenticationFunc: credential, IncludeResponseStatus: true, MultiError: true},
	}
	what := fmt.Sprintf("%s %d", c.operation, c.status)
	if err := openapi3filter.ValidateRequest(d.t.Context(), input); (err != nil) != c.wrong {
		d.t.Errorf("%s: of the request the document says %v", what, err)
	}
	got := who.send(method, target, c.header, c.body)
	if got.status != c.status {
		d.t.Errorf("%s: got %d: %s", what, got.status, got.body)
		return got
	}
	d.called[what] = true
	d.judge(what, input, got)
	return got
}

// judge wants an answer to be as the document says.
func (d *apiDoc) judge(what string, input *openapi3filter.RequestValidationInput, got reaction) {
	d.t.Helper()
	err := openapi3filter.ValidateResponse(d.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: got.status, Header: got.header, Body: io.NopCloser(strings.NewReader(got.body)), Options: input.Options,
	})
	if err != nil {
		d.t.Errorf("%s: of the answer the document says %v: %s", what, err, got.body)
	}
	if response := input.Route.Operation.Responses.Status(got.status); response != nil && len(response.Value.Content) == 0 && got.status < 300 && got.body != "" {
		d.t.Errorf("%s: there is a body: %s", what, got.body)
	}
	if got.header.Get("X-Request-Id") == "" {
		d.t.Errorf("%s: it has no id", what)
	}
}

// credential tells whether a request has what a security scheme asks for.
func credential(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	request := input.RequestValidationInput.Request
	switch scheme := input.SecurityScheme; {
	case scheme.Type == "http" && scheme.Scheme == "bearer":
		if !strings.HasPrefix(request.Header.Get("Authorization"), "Bearer ") {
			return errors.New("there is no Bearer token")
		}
		return nil
	case scheme.Type == "apiKey" && scheme.In == "cookie":
		_, err := request.Cookie(scheme.Name)
		return err
	default:
		return fmt.Errorf("there is a scheme %s", input.SecuritySchemeName)
	}
}

// otherMethods calls all paths with the methods that they do not have.
func (d *apiDoc) otherMethods(who visitor) {
	d.t.Helper()
	refusal := d.doc.Components.Responses["MethodNotAllowed"]
	for path, item := range d.doc.Paths.Map() {
		// What is below is not this project's own.
		if strings.HasPrefix(path, "/oidc/") {
			continue
		}
		known := slices.Sorted(maps.Keys(item.Operations()))
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
			if slices.Contains(known, method) {
				continue
			}
			got := who.send(method, strings.ReplaceAll(path, "{name}", "name"), nil, nil)
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != strings.Join(known, ", ") {
				d.t.Errorf("%s %s: got %d, allowed is %q, and described %v", method, path, got.status, got.header.Get("Allow"), known)
			}
			if strings.HasPrefix(path, "/api/") {
				d.component(method+" "+path, refusal, got)
			}
		}
	}
}

// component wants an answer to be a response that belongs to no operation.
func (d *apiDoc) component(what string, response *openapi3.ResponseRef, got reaction) {
	d.t.Helper()
	operation := openapi3.NewOperation()
	operation.Responses = openapi3.NewResponses(openapi3.WithStatus(got.status, response))
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	d.judge(what, &openapi3filter.RequestValidationInput{
		Request: request, Route: &routers.Route{Spec: d.doc, Operation: operation}, Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}, got)
}

// complete wants every answer of every operation to have been seen, but for failures: those that can be had are called as well.
func (d *apiDoc) complete() {
	d.t.Helper()
	for path, item := range d.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if what := method + " " + path + " " + status; !strings.HasSuffix(status, "XX") && !d.called[what] {
					d.t.Errorf("%s is described, and was not seen", what)
				}
			}
		}
	}
}
