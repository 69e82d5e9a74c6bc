// SPDX-License-Identifier: Apache-2.0

package http

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/loop"
)

const document = "../../docs/reference/http-api/openapi.yaml"

// The document describes the routes that are served, and no others. That they behave as it says is tested with a backend:
// backend/openapi_test.go.
func TestOpenAPIHasAllRoutes(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("it is OpenAPI %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Errorf("it is no OpenAPI document: %v", err)
	}
	signIn := auth.New(auth.Options{}, nil, nil)
	d, err := New(Options{Origin: &url.URL{Scheme: "https", Host: "bind.example.com"}}, loop.Fleet{}, signIn, nil)
	if err != nil {
		t.Fatal(err)
	}
	served := map[string][]string{}
	for path, methods := range d.routes() {
		// In a pattern of net/http this is the path itself, and not what is below it.
		served[strings.TrimSuffix(path, "{$}")] = slices.Sorted(maps.Keys(methods))
	}
	described := map[string][]string{}
	embedded := false
	for path, item := range doc.Paths.Map() {
		if strings.HasPrefix(path, issuerPath) {
			embedded = true
			continue
		}
		described[path] = slices.Sorted(maps.Keys(item.Operations()))
	}
	for path, methods := range served {
		if !slices.Equal(described[path], methods) {
			t.Errorf("%s is served with %v, and described with %v", path, methods, described[path])
		}
	}
	for path, methods := range described {
		if served[path] == nil {
			t.Errorf("%s %v is described, and not served", path, methods)
		}
	}
	if !embedded {
		t.Errorf("%s is not described", issuerPath)
	}
	if len(served) < 20 || served["/api/ping"][0] != http.MethodGet {
		t.Errorf("the routes are %v", served)
	}
}
