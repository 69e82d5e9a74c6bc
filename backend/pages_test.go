// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/browser"
)

// reader is somebody at a browser without JavaScript.
type reader struct {
	*door
	browser *browser.Browser
}

// answer is a page.
type answer struct {
	status int
	header http.Header
	body   string
}

func (d *door) newReader() *reader {
	d.t.Helper()
	b, err := browser.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &reader{door: d, browser: b}
}

// signInAt follows the link of a welcome page.
func (r *reader) signInAt(page, name string) {
	r.t.Helper()
	welcome := r.get(page)
	_, link, found := strings.Cut(welcome.body, `href="/api/authorize?`)
	link, _, _ = strings.Cut(link, `"`)
	if !found {
		r.t.Fatalf("%s does not ask to sign in: %s", page, welcome.body)
	}
	link = "/api/authorize?" + strings.ReplaceAll(link, "&amp;", "&")
	if _, err := r.browser.SignIn(r.t.Context(), r.origin+link, r.origin+page, name, user(r.t, name).Password); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) get(path string) answer { return r.send(http.MethodGet, path, nil, nil) }

func (r *reader) post(path string, form url.Values) answer {
	return r.send(http.MethodPost, path, form, nil)
}

func (r *reader) send(method, path string, form url.Values, header map[string]string) answer {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := r.browser.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}
}

// shows wants an answer to be a page with these texts, and with all that every page has.
func (r *reader) shows(what string, got answer, status int, texts ...string) {
	r.t.Helper()
	if got.status != status {
		r.t.Errorf("%s: got %d, want %d: %s", what, got.status, status, got.body)
		return
	}
	for _, text := range append(texts, "<!doctype html>", `<html lang="en">`, `<main id="main"`, `href="#main"`) {
		if !strings.Contains(got.body, text) {
			r.t.Errorf("%s: there is no %q in %s", what, text, got.body)
		}
	}
	policy := got.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			r.t.Errorf("%s: the policy %q does not have %s", what, policy, part)
		}
	}
	for header, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got.header.Get(header) != want {
			r.t.Errorf("%s: %s is %q", what, header, got.header.Get(header))
		}
	}
	if strings.Contains(got.body, " style=") || strings.Contains(got.body, "<style") || strings.Contains(got.body, " onclick=") {
		r.t.Errorf("%s: the page has what its policy forbids", what)
	}
}

// Somebody signs in, searches, and reads what a service is.
func TestPages(t *testing.T) {
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped, func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties = map[string]apiextensionsv1.JSONSchemaProps{
			"spec": {Type: "object", Required: []string{"ripeness"}, Properties: map[string]apiextensionsv1.JSONSchemaProps{
				"ripeness": {Type: "integer", Description: "How ripe it is."},
			}},
		}
	})
	template := newTemplate(t, "", func(spec *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		spec.Description = "Fruit of <all> kinds"
		spec.Namespaces = []kubebindv1alpha2.Namespace{{Name: "orchard", Description: "Where it grows."}}
		spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{
			GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"},
			Selector:      kubebindv1alpha2.Selector{NamedResources: []kubebindv1alpha2.NamedResource{{Name: "key"}}},
		}}
	}, a)
	other := newTemplate(t, "-other", nil, a)
	collection := &kubebindv1alpha2.Collection{}
	collection.Name = unique(t)
	collection.Spec.Description = "All that grows"
	collection.Spec.Templates = []kubebindv1alpha2.TemplateReference{{Name: template.Name}}
	create(t, admin(t), collection)
	r := openDoor(t).newReader()

	r.shows("the welcome", r.get("/"), http.StatusOK, "Sign in", "redirect_url=%2F&amp;")
	r.shows("a page that is not public", r.get("/bindings?cluster_id=c"), http.StatusUnauthorized, "redirect_url=%2Fbindings%3Fcluster_id%3Dc", "cluster_id=c&amp;")
	r.signInAt("/bindings", "alice")
	eventually(t, "the catalogue", func(context.Context) error {
		if got := r.get("/"); !strings.Contains(got.body, "/templates/"+template.Name) {
			return errorf("it is %s", got.body)
		}
		return nil
	})
	r.shows("the catalogue", r.get("/"), http.StatusOK, "Fruit of &lt;all&gt; kinds", other.Name, "collection="+collection.Name, "mangos."+a.Group)
	found := r.get("/?q=FRUIT+kinds")
	r.shows("a search", found, http.StatusOK, "/templates/"+template.Name)
	if strings.Contains(found.body, other.Name) {
		t.Errorf("found %s", found.body)
	}
	inside := r.get("/?collection=" + collection.Name)
	r.shows("a collection", inside, http.StatusOK, "/templates/"+template.Name, "All that grows")
	if strings.Contains(inside.body, other.Name) {
		t.Errorf("found %s", inside.body)
	}
	r.shows("nothing", r.get("/?q=nowhere"), http.StatusOK, "Nothing found", "“nowhere”")
	r.shows("the details", r.get("/templates/"+template.Name), http.StatusOK,
		"Mango", "ripeness", "How ripe it is.", "required", "called key, in any namespace", "orchard", "Where it grows.")
	r.shows("no service", r.get("/templates/none"), http.StatusNotFound, "Nothing is here")
	r.shows("no page", r.get("/none"), http.StatusNotFound, "/none")
	r.shows("the wrong method", r.post("/bindings", url.Values{}), http.StatusMethodNotAllowed)
	r.shows("no bindings", r.get("/bindings"), http.StatusOK, "You have bound nothing yet")

	out := r.post("/sign-out", url.Values{})
	if out.status != http.StatusSeeOther || out.header.Get("Location") != "/" {
		t.Errorf("signing out: got %d to %s", out.status, out.header.Get("Location"))
	}
	r.shows("after signing out", r.get("/bindings"), http.StatusUnauthorized, "Sign in")
}
