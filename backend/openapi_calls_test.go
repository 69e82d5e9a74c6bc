// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"context"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/controlplane"
)

// elsewhere is a request to a logical cluster that there is not.
func elsewhere() url.Values { return url.Values{"cluster_id": {"other"}} }

// foreign is what browsers say of a request that a page of another origin made.
func foreign(more map[string]string) map[string]string {
	out := map[string]string{"Sec-Fetch-Site": "cross-site"}
	maps.Copy(out, more)
	return out
}

// callers are people in all states of being signed in.
type callers struct {
	// nobody, alice, and alice in another logical cluster and bob, who may bind nothing, at browsers.
	nobody, alice, there, bob visitor
	// token is alice's program's, and thereToken her program's in the other logical cluster.
	token, thereToken string
}

func newCallers(d *door) callers {
	out := callers{nobody: d.visitor(), alice: d.signedIn("alice"), there: d.visitor(), bob: d.signedIn("bob")}
	out.there.login("alice", map[string]string{"cluster_id": "other"}, d.origin+"/ui")
	out.token = d.signIn("alice").allowed().token
	at := d.visitor().login("alice", map[string]string{"redirect_url": callback, "client_type": "cli", "cluster_id": "other"}, callback)
	out.thereToken = at.Query().Get("access_token")
	return out
}

// The document says what is served: each operation is called, each answer that it describes is seen, and all of them are as
// described.
func TestOpenAPI(t *testing.T) {
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		s.Description = "Fruit"
		s.Namespaces = []kubebindv1alpha2.Namespace{{Name: "orchard", Description: "Trees"}}
		s.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{
			GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"},
			Selector: kubebindv1alpha2.Selector{
				LabelSelector:  &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
				NamedResources: []kubebindv1alpha2.NamedResource{{Name: "seeds", Namespace: "default"}},
				References: []kubebindv1alpha2.SelectorReference{{
					GroupResource: a.resource().GroupResource, JSONPath: kubebindv1alpha2.ReferencePath{Name: ".spec.secret"},
				}},
			},
		}}
	}, a)
	collection := &kubebindv1alpha2.Collection{ObjectMeta: metav1.ObjectMeta{Name: unique(t)}}
	collection.Spec.Templates = []kubebindv1alpha2.TemplateReference{{Name: template.Name}}
	create(t, admin(t), collection)
	door := openDoor(t, func(o *backend.Options) {
		o.FrontDoor.AllowedUsers, o.FrontDoor.ApplyBinding = []string{"alice"}, true
	})
	d, who := newAPIDoc(t), newCallers(door)
	eventually(t, "template and collection to be judged", func(context.Context) error {
		if body := who.alice.send(http.MethodGet, "/api/collections", nil, nil).body; !strings.Contains(body, "conditions") {
			return errorf("got %s", body)
		}
		return nil
	})

	d.provider(who)
	d.signIn(who)
	d.callback(t, who)
	d.lists(who)
	d.bind(who, template.Name)
	d.apply(t, who, template.Name)
	d.pages(who, template.Name)
	d.otherMethods(who.nobody)
	d.component("GET /api/nothing", d.doc.Components.Responses["NotFound"], who.nobody.send(http.MethodGet, "/api/nothing", nil, nil))
	// They end sessions.
	d.call(who.alice, call{operation: "POST /api/logout", header: foreign(nil), status: http.StatusForbidden})
	d.call(who.alice, call{operation: "POST /api/logout", status: http.StatusOK})
	d.call(who.nobody, call{operation: "POST /api/logout", status: http.StatusOK})
	d.call(who.bob, call{operation: "POST /sign-out", header: foreign(nil), status: http.StatusForbidden})
	d.call(who.bob, call{operation: "POST /sign-out", status: http.StatusSeeOther})
	d.complete()
}

// provider calls what is for everybody.
func (d *apiDoc) provider(who callers) {
	for _, operation := range []string{
		"GET /healthz", "GET /api/healthz", "GET /api/bindable-resources", "GET /oidc/.well-known/openid-configuration",
	} {
		d.call(who.nobody, call{operation: operation, status: http.StatusOK})
	}
	if got := d.call(who.nobody, call{operation: "GET /api/konnector-manifests", status: http.StatusOK}); !strings.Contains(got.body, "kind: Deployment") {
		d.t.Errorf("got %s", got.body)
	}
	asked := url.Values{"cluster_id": {"c"}, "session_id": {"s"}, "client_type": {"cli"}, "consumer_id": {"x"}}
	d.call(who.nobody, call{operation: "GET /exports", query: asked, status: http.StatusFound})
	d.call(who.nobody, call{operation: "GET /api/exports", query: asked, status: http.StatusOK})
	d.call(who.nobody, call{operation: "GET /api/exports", query: url.Values{"client_type": {"x"}}, status: http.StatusOK, wrong: true})
}

// signIn calls what begins logins and exchanges codes.
func (d *apiDoc) signIn(who callers) {
	begin := url.Values{"redirect_url": {"/"}, "session_id": {"s"}}
	program := url.Values{"redirect_url": {callback}, "session_id": {"s"}, "client_type": {"cli"}, "code_challenge": {challenge("v")["code_challenge"]}}
	for _, query := range []url.Values{begin, program} {
		d.call(who.nobody, call{operation: "GET /api/authorize", query: query, status: http.StatusFound})
	}
	d.call(who.nobody, call{operation: "GET /api/authorize", status: http.StatusBadRequest, wrong: true})
	for name, value := range map[string]string{"client_type": "x", "code_challenge": "x", "session_id": strings.Repeat("x", 2049), "redirect_url": strings.Repeat("/", 2049)} {
		query := maps.Clone(begin)
		query.Set(name, value)
		d.call(who.nobody, call{operation: "GET /api/authorize", query: query, status: http.StatusBadRequest, wrong: true})
	}
	d.call(who.nobody, call{operation: "GET /api/authorize", query: url.Values{"redirect_url": {"https://evil.example.com"}, "session_id": {"s"}}, status: http.StatusBadRequest})

	body := marshal(d.t, auth.Request{RedirectURL: "/", SessionID: "s"})
	d.call(who.nobody, call{operation: "POST /api/authorize", header: jsonHeader(), body: body, status: http.StatusFound})
	d.call(who.nobody, call{operation: "POST /api/authorize", header: foreign(jsonHeader()), body: body, status: http.StatusForbidden})
	d.malformed(who.nobody, "POST /api/authorize", nil)

	code := who.nobody.login("alice", challenge("v"), callback).Query().Get("code")
	exchange := marshal(d.t, map[string]string{"code": code, "code_verifier": "v"})
	d.call(who.nobody, call{operation: "POST /api/token", header: jsonHeader(), body: exchange, status: http.StatusOK})
	d.call(who.nobody, call{operation: "POST /api/token", header: foreign(jsonHeader()), body: exchange, status: http.StatusForbidden})
	d.call(who.nobody, call{operation: "POST /api/token", header: jsonHeader(), body: marshal(d.t, map[string]string{"code": "x", "code_verifier": "v"}), status: http.StatusUnauthorized})
	d.call(who.nobody, call{operation: "POST /api/token", header: jsonHeader(), body: []byte("{}"), status: http.StatusUnauthorized, wrong: true})
	d.malformed(who.nobody, "POST /api/token", nil)
}

// malformed sends bodies that are no JSON, of the wrong type, and too long.
func (d *apiDoc) malformed(who visitor, operation string, header map[string]string) {
	d.t.Helper()
	asJSON := jsonHeader()
	maps.Copy(asJSON, header)
	asForm := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	maps.Copy(asForm, header)
	d.call(who, call{operation: operation, header: asJSON, body: []byte("{"), status: http.StatusBadRequest, wrong: true})
	d.call(who, call{operation: operation, header: asJSON, body: []byte("[]"), status: http.StatusBadRequest, wrong: true})
	d.call(who, call{operation: operation, header: asForm, body: []byte("a=b"), status: http.StatusBadRequest, wrong: true})
	long := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	d.call(who, call{operation: operation, header: asJSON, body: long, status: http.StatusRequestEntityTooLarge, wrong: true})
}

// callback ends logins in all ways, also with an OpenID provider that is away at first.
func (d *apiDoc) callback(t *testing.T, who callers) {
	const operation = "GET /api/callback"
	d.call(who.nobody, call{operation: operation, query: url.Values{"code": {"x"}}, status: http.StatusBadRequest, wrong: true})
	d.call(who.nobody, call{operation: operation, query: url.Values{"code": {"x"}, "state": {"not begun here"}}, status: http.StatusBadRequest})
	v := who.nobody.visitor()
	d.call(v, call{operation: operation, query: v.login("alice", nil, v.origin+auth.CallbackPath).Query(), status: http.StatusFound})

	p := newOpenIDProvider(t)
	other := openDoorWith(t, newNamespace(t, "-other"), p.options)
	v = other.visitor()
	d.call(v, call{operation: "GET /api/authorize", query: url.Values{"redirect_url": {"/"}, "session_id": {"s"}}, status: http.StatusServiceUnavailable})
	p.start()
	p.set(map[string]any{"sub": "mallory", "groups": []string{"system:masters"}}, nil)
	d.call(v, call{operation: operation, query: v.login("", nil, other.origin+auth.CallbackPath).Query(), status: http.StatusForbidden})
	state := v.login("", nil, other.origin+auth.CallbackPath).Query().Get("state")
	d.call(v, call{operation: operation, query: url.Values{"state": {state}, "error": {"access_denied"}, "error_description": {"No."}}, status: http.StatusUnauthorized})
}

// lists calls what tells those who are signed in what there is.
func (d *apiDoc) lists(who callers) {
	for _, operation := range []string{"GET /api/ping", "GET /api/templates", "GET /api/collections", "GET /api/consumer-status"} {
		d.call(who.alice, call{operation: operation, status: http.StatusOK})
		d.call(who.nobody, call{operation: operation, header: bearer(who.token), status: http.StatusOK})
		d.entry(who, operation, nil)
	}
	d.call(who.alice, call{operation: "POST /api/logout", header: bearer(who.token), query: elsewhere(), status: http.StatusForbidden})
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// entry is refused to nobody, to sessions of another logical cluster, and to logical clusters that there are not.
func (d *apiDoc) entry(who callers, operation string, body []byte) {
	d.t.Helper()
	header := func(token string) map[string]string {
		out := bearer(token)
		if body != nil {
			maps.Copy(out, jsonHeader())
		}
		return out
	}
	none := header("")
	delete(none, "Authorization")
	d.call(who.nobody, call{operation: operation, header: none, body: body, status: http.StatusUnauthorized, wrong: true})
	d.call(who.nobody, call{operation: operation, header: header("x"), body: body, status: http.StatusUnauthorized})
	d.call(who.nobody, call{operation: operation, header: header(who.token), query: elsewhere(), body: body, status: http.StatusForbidden})
	d.call(who.nobody, call{operation: operation, header: header(who.thereToken), query: elsewhere(), body: body, status: http.StatusNotFound})
}

// bind binds, for a program and for a browser.
func (d *apiDoc) bind(who callers, template string) {
	const operation = "POST /api/bind"
	for _, identity := range []string{d.t.Name(), "ui-identity"} {
		d.call(who.alice, call{operation: operation, header: jsonHeader(), body: marshal(d.t, wishFor("fruit", template, identity)), status: http.StatusOK})
	}
	d.call(who.alice, call{operation: "GET /api/consumer-status", query: url.Values{"consumer_id": {d.t.Name()}}, status: http.StatusOK})
	body := marshal(d.t, wishFor("fruit", template, "x"))
	d.entry(who, operation, body)
	d.malformed(who.alice, operation, nil)
	d.call(who.alice, call{operation: operation, header: foreign(jsonHeader()), body: body, status: http.StatusForbidden})
	for _, wrong := range []*kubebindv1alpha2.BindableResourcesRequest{wishFor("fruit", "", "x"), wishFor("fruit", "../x", "x"), wishFor("fruit", template, ""), wishFor("fruit", template, strings.Repeat("x", 513))} {
		d.call(who.alice, call{operation: operation, header: jsonHeader(), body: marshal(d.t, wrong), status: http.StatusBadRequest, wrong: true})
	}
	d.call(who.bob, call{operation: operation, header: jsonHeader(), body: body, status: http.StatusForbidden})
	d.call(who.alice, call{operation: operation, header: jsonHeader(), body: marshal(d.t, wishFor("fruit", "no-such", "x")), status: http.StatusNotFound})
}

// apply binds in a cluster, and uploads its kubeconfig to the page as well.
func (d *apiDoc) apply(t *testing.T, who callers, template string) {
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Name: "openapi-consumer"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plane.Stop() })
	const operation = "POST /api/apply-binding"
	body := marshal(t, map[string]any{"consumerKubeconfig": plane.Kubeconfig(), "bindingName": "all", "hostAliases": []string{"10.0.0.1:provider.example.com"}})
	d.call(who.alice, call{operation: operation, header: jsonHeader(), body: body, status: http.StatusOK})
	d.entry(who, operation, body)
	d.malformed(who.alice, operation, nil)
	d.call(who.alice, call{operation: operation, header: jsonHeader(), body: marshal(t, map[string]any{"consumerKubeconfig": plane.Kubeconfig(), "bindingName": "../x"}), status: http.StatusBadRequest, wrong: true})

	const upload = "POST /templates/{name}/upload"
	kind, form := uploadForm(t, "all", plane.Kubeconfig())
	header := map[string]string{"Content-Type": kind}
	d.call(who.alice, call{operation: upload, name: template, header: header, body: form, status: http.StatusSeeOther})
	d.call(who.alice, call{operation: upload, name: template, header: foreign(header), body: form, status: http.StatusForbidden})
	d.call(who.alice, call{operation: upload, name: template, header: header, body: []byte("x"), status: http.StatusBadRequest, wrong: true})
	d.call(who.nobody, call{operation: upload, name: template, header: header, body: form, status: http.StatusUnauthorized, wrong: true})
	if err := plane.Stop(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	d.call(who.alice, call{operation: operation, header: jsonHeader(), body: body, status: http.StatusServiceUnavailable})
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("that a cluster is not there is said after %s", took)
	}
}

// uploadForm is a form with a file, and its type.
func uploadForm(t *testing.T, name string, kubeconfig []byte) (kind string, form []byte) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if err := w.WriteField("name", name); err != nil {
		t.Fatal(err)
	}
	file, err := w.CreateFormFile("kubeconfig", "kubeconfig")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(kubeconfig); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), out.Bytes()
}

// pages calls what people see.
func (d *apiDoc) pages(who callers, template string) {
	unanswerable := url.Values{"redirect_url": {"https://evil.example.com"}}
	home := d.call(who.alice, call{operation: "GET /", query: url.Values{"q": {"fruit"}}, status: http.StatusOK})
	d.call(who.nobody, call{operation: "GET /", status: http.StatusOK})
	bindings := d.call(who.alice, call{operation: "GET /bindings", status: http.StatusOK})
	seen := regexp.MustCompile(`seen=([0-9a-f]+)`).FindStringSubmatch(bindings.body)
	if seen == nil {
		d.t.Fatalf("the page does not ask again: %s", bindings.body)
	}
	d.call(who.alice, call{operation: "GET /bindings", query: url.Values{"seen": {seen[1]}}, header: map[string]string{"HX-Request": "true"}, status: http.StatusNoContent})
	d.call(who.nobody, call{operation: "GET /bindings", status: http.StatusUnauthorized, wrong: true})
	d.call(who.alice, call{operation: "GET /templates/{name}", name: template, status: http.StatusOK})
	d.call(who.nobody, call{operation: "GET /templates/{name}", name: template, status: http.StatusUnauthorized, wrong: true})
	d.call(who.alice, call{operation: "GET /templates/{name}", name: "no-such", status: http.StatusNotFound})
	d.call(who.bob, call{operation: "GET /templates/{name}", name: template, status: http.StatusForbidden})
	for _, operation := range []string{"GET /", "GET /bindings", "GET /templates/{name}"} {
		d.call(who.alice, call{operation: operation, name: template, query: unanswerable, status: http.StatusBadRequest})
	}
	for _, operation := range []string{"GET /", "GET /bindings"} {
		d.call(who.there, call{operation: operation, query: elsewhere(), status: http.StatusNotFound, wrong: operation != "GET /"})
	}
	kind, upload := uploadForm(d.t, "all", []byte("x"))
	d.call(who.there, call{operation: "POST /templates/{name}/upload", name: template, header: map[string]string{"Content-Type": kind}, body: upload, query: elsewhere(), status: http.StatusNotFound, wrong: true})

	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	program := url.Values{"redirect_url": {callback}, "session_id": {"s"}, "consumer_id": {"page of " + d.t.Name()}}
	d.call(who.alice, call{operation: "POST /templates/{name}/cli", name: template, query: program, header: form, body: []byte("name=fruit"), status: http.StatusSeeOther})
	got := d.call(who.alice, call{operation: "POST /templates/{name}/bundle", name: template, header: form, body: []byte("name=fruit&as=file"), status: http.StatusOK})
	if got.header.Get("Content-Type") != "application/yaml; charset=utf-8" {
		d.t.Errorf("got %v", got.header)
	}
	for operation, query := range map[string]url.Values{"POST /templates/{name}/cli": program, "POST /templates/{name}/bundle": nil} {
		good := call{operation: operation, name: template, query: query, header: form, body: []byte("name=fruit")}
		with := func(status int, change func(*call)) call {
			out := good
			out.status = status
			change(&out)
			return out
		}
		d.call(who.alice, with(http.StatusBadRequest, func(c *call) { c.body, c.wrong = []byte("name=../x"), true }))
		d.call(who.nobody, with(http.StatusUnauthorized, func(c *call) { c.wrong = true }))
		d.call(who.bob, with(http.StatusForbidden, func(*call) {}))
		d.call(who.alice, with(http.StatusForbidden, func(c *call) { c.header = foreign(form) }))
		d.call(who.alice, with(http.StatusNotFound, func(c *call) { c.name = "no-such" }))
	}
	got = d.call(who.alice, call{operation: "POST /templates/{name}/bundle", name: template, header: form, body: []byte("name=fruit"), status: http.StatusOK})
	if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
		d.t.Errorf("got %v", got.header)
	}
	d.call(who.nobody, call{operation: "GET /cli", query: url.Values{"code": {"x"}}, status: http.StatusOK})
	d.call(who.nobody, call{operation: "GET /cli", query: url.Values{"error": {"x"}}, status: http.StatusBadRequest})
	for _, asset := range regexp.MustCompile(`/assets/([^"]+)`).FindAllStringSubmatch(home.body, -1) {
		d.call(who.nobody, call{operation: "GET /assets/{name}", name: asset[1], status: http.StatusOK})
	}
	d.call(who.nobody, call{operation: "GET /assets/{name}", name: "none.css", status: http.StatusNotFound})
}
