// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

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

// boundTemplate is a template of this test that the reader may bind now.
func boundTemplate(t *testing.T, r *reader, a api) *kubebindv1alpha2.APIServiceExportTemplate {
	t.Helper()
	template := newTemplate(t, "", nil, a)
	eventually(t, "the right to bind", func(context.Context) error {
		if got := r.get("/templates/" + template.Name); got.status != http.StatusOK {
			return errorf("got %d: %s", got.status, got.body)
		}
		return nil
	})
	return template
}

// errandOf is what a CLI adds to the address of a page.
func errandOf(t *testing.T, more url.Values) string {
	query := url.Values{"redirect_url": {callback + "?own=1"}, "session_id": {"s1"}, "consumer_id": {t.Name()}}
	for name, values := range more {
		query[name] = values
	}
	return "?" + query.Encode()
}

// Somebody whom a CLI has sent binds for it: by themselves with what they are told, or with the kubeconfig.
func TestBindForProgram(t *testing.T) {
	r := openDoor(t).newReader()
	own, asked := errandOf(t, nil), errandOf(t, url.Values{"response": {"choice"}})
	r.shows("the welcome", r.get("/"+asked), http.StatusOK, "127.0.0.1:1", "redirect_url=%2F%3Fconsumer_id")
	r.signInAt("/bindings", "alice")
	template := boundTemplate(t, r, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	path := "/templates/" + template.Name
	r.shows("the catalogue", r.get("/"+asked), http.StatusOK, "127.0.0.1:1", path+"?consumer_id="+t.Name(), "response=choice")
	page := r.get(path + asked)
	r.shows("the details", page, http.StatusOK, "Bind for CLI", path+"/cli?consumer_id="+t.Name())
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' http://127.0.0.1:* http://localhost:*;") {
		t.Errorf("the policy is %q", policy)
	}
	if policy := r.get(path).header.Get("Content-Security-Policy"); strings.Contains(policy, "127.0.0.1") {
		t.Errorf("the policy without a program is %q", policy)
	}
	name := url.Values{"name": {"fruit"}}

	chosen := r.sentTo(r.post(path+"/cli"+asked, name))
	want := url.Values{"own": {"1"}, "session_id": {"s1"}, "consumer_id": {t.Name()}, "template": {template.Name}, "name": {"fruit"}}
	if got := chosen.Query(); got.Encode() != want.Encode() {
		t.Errorf("the program is told %v, want %v", got, want)
	}
	var status struct {
		Namespace string `json:"namespace"`
	}
	if got := r.get("/api/consumer-status?consumer_id=" + t.Name()); json.Unmarshal([]byte(got.body), &status) != nil || status.Namespace != "" {
		t.Errorf("something was bound that the program was to bind: %s", got.body)
	}

	given := r.sentTo(r.post(path+"/cli"+own, name)).Query()
	raw, err := base64.URLEncoding.DecodeString(given.Get("binding_response"))
	if err != nil || given.Get("session_id") != "s1" {
		t.Fatalf("the program is told %v: %v", given, err)
	}
	var response kubebindv1alpha2.BindingResourceResponse
	if err := json.Unmarshal(raw, &response); err != nil {
		t.Fatal(err)
	}
	if len(response.Kubeconfig) == 0 || len(response.Requests) != 1 || response.BindingName != "" {
		t.Errorf("the program is told %+v", response)
	}
	r.shows("a bad name", r.post(path+"/cli"+asked, url.Values{"name": {"No Name"}}), http.StatusBadRequest, `role="alert"`, `value="No Name"`, "Bind for CLI")
	r.shows("no program", r.post(path+"/cli", name), http.StatusBadRequest, "No program waits")
	for what, query := range map[string]url.Values{
		"another machine": {"redirect_url": {"http://example.org/callback"}},
		"TLS":             {"redirect_url": {"https://127.0.0.1/callback"}},
		"a script":        {"redirect_url": {"javascript:alert(1)"}},
		"a page of ours":  {"redirect_url": {"/bindings"}},
		"IPv6":            {"redirect_url": {"http://[::1]:1/callback"}},
		"no session":      {"session_id": {""}},
		"no consumer":     {"consumer_id": {""}},
	} {
		for _, page := range []string{"/", path} {
			r.shows(what, r.get(page+errandOf(t, query)), http.StatusBadRequest, "The program that sent you here")
		}
		if got := r.post(path+"/cli"+errandOf(t, query), name); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d to %s", what, got.status, got.header.Get("Location"))
		}
	}
	// SEC-2: what others have bound is theirs.
	bob := r.newReader()
	bob.signInAt("/bindings", "bob")
	bob.shows("another's cluster", bob.post(path+"/cli"+own, name), http.StatusForbidden, `role="alert"`, "whoever bound this cluster first")
	if got := bob.send(http.MethodPost, path+"/cli"+own, name, map[string]string{"Origin": "http://evil.example.org", "Sec-Fetch-Site": "cross-site"}); got.status != http.StatusForbidden {
		t.Errorf("a page of another origin binds: %d", got.status)
	}
}

// sentTo wants an answer that sends the browser to the program.
func (r *reader) sentTo(got answer) *url.URL {
	r.t.Helper()
	target, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status != http.StatusSeeOther || target.Host != "127.0.0.1:1" || target.Path != "/callback" {
		r.t.Fatalf("got %d to %q: %s", got.status, got.header.Get("Location"), got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "no-referrer" {
		r.t.Errorf("the headers are %v", got.header)
	}
	return target
}

// Somebody binds without a program, and finds the binding among theirs.
func TestBindByHand(t *testing.T) {
	r := openDoor(t).newReader()
	r.signInAt("/bindings", "alice")
	template := boundTemplate(t, r, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	path := "/templates/" + template.Name + "/bundle"
	shown := r.post(path, url.Values{"name": {"fruit"}})
	shown.body = regexp.MustCompile(`</?span[^>]*>`).ReplaceAllString(shown.body, "") // lines break between words only
	r.shows("the manifest", shown, http.StatusOK, "kind: APIServiceBinding", "kind: Deployment", "kubectl apply -f fruit.yaml",
		"kubectl wait apiservicebinding/fruit --for=condition=Ready --timeout=5m")
	file := r.post(path, url.Values{"name": {"fruit"}, "as": {"file"}})
	if got := file.header.Get("Content-Disposition"); file.status != http.StatusOK || got != `attachment; filename="fruit.yaml"` || file.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the download: %d, %v", file.status, file.header)
	}
	documents := strings.Split(file.body, "---\n")
	at := slices.IndexFunc(documents, func(d string) bool { return strings.Contains(d, "\nkind: Secret\n") })
	if at < 0 {
		t.Fatalf("the manifest is %s", file.body)
	}
	// The binding is enclosed in the Secret: see deploy/install.
	secret := &corev1.Secret{}
	if err := yaml.UnmarshalStrict([]byte(documents[at]), secret); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(documents[at], "kind: APIServiceBinding") || !strings.Contains(documents[at], "name: fruit") {
		t.Errorf("the Secret encloses no binding: %s", documents[at])
	}
	clientOf(t, secret.Data[kubebindv1alpha2.KubeconfigSecretKey])

	eventually(t, "the binding", func(context.Context) error {
		if got := r.get("/bindings"); !strings.Contains(got.body, "mangos.") || !strings.Contains(got.body, "Waiting for its konnector") {
			return errorf("the page is %s", got.body)
		}
		return nil
	})
	// What is current is not sent again.
	eventually(t, "quiet", func(context.Context) error {
		_, seen, _ := strings.Cut(r.get("/bindings").body, "seen=")
		seen, _, _ = strings.Cut(seen, `"`)
		if got := r.send(http.MethodGet, "/bindings?seen="+seen, nil, map[string]string{"HX-Request": "true"}); got.status != http.StatusNoContent {
			return errorf("got %d", got.status)
		}
		return nil
	})
	if got := r.send(http.MethodGet, "/bindings?seen=older", nil, map[string]string{"HX-Request": "true"}); got.status != http.StatusOK {
		t.Errorf("news: got %d", got.status)
	}
	bob := r.newReader()
	bob.signInAt("/bindings", "bob")
	bob.shows("another's bindings", bob.get("/bindings"), http.StatusOK, "You have bound nothing yet")
	other := newTemplate(t, "-other", nil, newAPI(t, "kiwis", apiextensionsv1.NamespaceScoped))
	eventually(t, "a refusal", func(context.Context) error {
		got := r.post("/templates/"+other.Name+"/bundle", url.Values{"name": {"fruit"}})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, "choose another name") || !strings.Contains(got.body, `value="fruit"`) {
			return errorf("got %d: %s", got.status, got.body)
		}
		return nil
	})
}

// A code is carried to a terminal by hand.
func TestCodePage(t *testing.T) {
	r := openDoor(t).newReader()
	query := url.Values{
		"redirect_url": {r.origin + "/cli"}, "session_id": {"s1"}, "client_type": {"cli"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(make([]byte, 32))},
	}
	at, err := r.browser.SignIn(t.Context(), r.origin+"/api/authorize?"+query.Encode(), r.origin+"/cli", "alice", user(t, "alice").Password)
	if err != nil {
		t.Fatal(err)
	}
	r.shows("the code", r.get(at.RequestURI()), http.StatusOK, at.Query().Get("code"), "Paste this code")
	r.shows("a failure", r.get("/cli?error=AUTHENTICATION_FAILED&error_description=%3Cb%3Eno"), http.StatusBadRequest, "AUTHENTICATION_FAILED: &lt;b&gt;no", "Begin anew")
	r.shows("nothing", r.get("/cli"), http.StatusBadRequest, "There is no code")
}

// Assets are kept by browsers, and change their names with their content.
func TestAssets(t *testing.T) {
	r := openDoor(t).newReader()
	names := regexp.MustCompile(`/assets/[a-z.-]+-[0-9a-f]{12}\.(css|js|svg)`).FindAllString(r.get("/").body, -1)
	if len(names) < 4 {
		t.Fatalf("found %v", names)
	}
	for _, name := range names {
		got := r.get(name)
		if got.status != http.StatusOK || got.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || got.header.Get("Content-Type") == "text/plain" || got.body == "" {
			t.Errorf("%s: %d, %v", name, got.status, got.header)
		}
	}
	r.shows("no asset", r.get("/assets/style.css"), http.StatusNotFound, "Nothing is here")
}
