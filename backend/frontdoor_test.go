// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/auth/issuer"
	"kube-bind.io/kube-bind/test/browser"
)

// callback is where programs of a test wait for a browser. Nobody listens there.
const callback = "http://127.0.0.1:1/callback"

// door is the front door of a backend.
type door struct {
	t      *testing.T
	origin string
	// stop ends the backend.
	stop func()
}

// openDoor starts a backend with a front door and the embedded OpenID provider.
func openDoor(t *testing.T, mods ...func(*backend.Options)) *door {
	t.Helper()
	return openDoorWith(t, newNamespace(t, "-door"), mods...)
}

// openDoorWith does so with the keys in a namespace.
func openDoorWith(t *testing.T, namespace string, mods ...func(*backend.Options)) *door {
	t.Helper()
	address := freeAddress(t)
	d := &door{t: t, origin: "http://" + address}
	d.stop = start(t, append([]func(*backend.Options){func(o *backend.Options) {
		o.FrontendDisabled = false
		o.LeaseNamespace = namespace
		o.FrontDoor.ListenAddress = address
		o.FrontDoor.OIDCType = backend.OIDCEmbedded
		o.FrontDoor.CallbackURL = d.origin + auth.CallbackPath
	}}, mods...)...)
	eventually(t, "the front door to open", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.origin+"/healthz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
	return d
}

// person is somebody at a program that is signed in.
type person struct {
	*door
	token string
}

// user is one of the embedded OpenID provider's.
func user(t *testing.T, name string) issuer.User {
	t.Helper()
	for _, u := range issuer.DefaultUsers() {
		if u.Name == name {
			return u
		}
	}
	t.Fatalf("there is no user %s", name)
	return issuer.User{}
}

// signIn goes the way of a program: a browser, a code, a token.
func (d *door) signIn(name string) person {
	d.t.Helper()
	b, err := browser.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("verifier of " + name))
	query := url.Values{
		"redirect_url": {callback}, "session_id": {"session"}, "client_type": {"cli"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	at, err := b.SignIn(d.t.Context(), d.origin+"/api/authorize?"+query.Encode(), callback, name, user(d.t, name).Password)
	if err != nil {
		d.t.Fatal(err)
	}
	var token auth.TokenResponse
	p := person{door: d}
	p.do(http.MethodPost, "/api/token", map[string]string{"code": at.Query().Get("code"), "code_verifier": "verifier of " + name}, http.StatusOK, &token)
	p.token = token.AccessToken
	return p
}

// do sends a request, wants a status, and reads the answer.
func (p person) do(method, path string, body any, status int, into any) http.Header {
	p.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.origin+path, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if response.StatusCode != status {
		p.t.Fatalf("%s %s: %s: %s", method, path, response.Status, raw)
	}
	switch into := into.(type) {
	case nil:
	case *string:
		*into = string(raw)
	default:
		if err := json.Unmarshal(raw, into); err != nil {
			p.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return response.Header
}

// refused wants an Error with a code.
func (p person) refused(method, path string, body any, status int, code string) string {
	p.t.Helper()
	var got kubebindv1alpha2.Error
	header := p.do(method, path, body, status, &got)
	if got.Code != code || got.Kind != kubebindv1alpha2.ErrorKind || got.APIVersion != kubebindv1alpha2.GroupVersion.String() || got.Message == "" {
		p.t.Errorf("%s %s: got %+v", method, path, got)
	}
	if header.Get("X-Request-Id") == "" || !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		p.t.Errorf("%s %s: the headers are %v", method, path, header)
	}
	return got.Error()
}

// wishFor is the body of a bind call.
func wishFor(name, template, identity string) *kubebindv1alpha2.BindableResourcesRequest {
	out := &kubebindv1alpha2.BindableResourcesRequest{}
	out.Name = name
	out.Spec.TemplateRef = &kubebindv1alpha2.TemplateReference{Name: template}
	out.Spec.ClusterIdentity.Identity = identity
	return out
}

// Somebody signs in at a real form, sees what is offered, and binds it with the kubeconfig that they get.
func TestFrontDoor(t *testing.T) {
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a)
	d := openDoor(t)
	alice := d.signIn("alice")
	var list kubebindv1alpha2.APIServiceExportTemplateList
	eventually(t, "the right to bind", func(context.Context) error {
		if alice.do(http.MethodGet, "/api/templates", nil, http.StatusOK, &list); len(list.Items) == 0 {
			return errorf("there is no template")
		}
		return nil
	})
	var bound kubebindv1alpha2.BindingResourceResponse
	alice.do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, t.Name()), http.StatusOK, &bound)
	if grant := bound.Authentication.OAuth2CodeGrant; grant == nil || grant.ID != d.origin+"/oidc/alice" || grant.SessionID == "" || len(bound.Requests) != 1 {
		t.Fatalf("got %+v", bound.Authentication)
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(bound.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	consumer := clientFor(t, cfg)
	request := &kubebindv1alpha2.APIServiceExportRequest{}
	if err := json.Unmarshal(bound.Requests[0].Raw, request); err != nil {
		t.Fatal(err)
	}
	request.Namespace = bound.ProviderNamespace
	create(t, consumer, request)
	eventually(t, "the export", func(ctx context.Context) error {
		return consumer.Get(ctx, client.ObjectKey{Namespace: bound.ProviderNamespace, Name: "fruit"}, &kubebindv1alpha2.APIServiceExport{})
	})
	var status struct {
		Connected bool     `json:"connected"`
		Namespace string   `json:"namespace"`
		Exports   []string `json:"exports"`
	}
	eventually(t, "the status", func(context.Context) error {
		alice.do(http.MethodGet, "/api/consumer-status?consumer_id="+t.Name(), nil, http.StatusOK, &status)
		if !status.Connected || status.Namespace != bound.ProviderNamespace || len(status.Exports) != 1 {
			return errorf("it is %+v", status)
		}
		return nil
	})

	// SEC-2: who knows an identity does not get its kubeconfig.
	bob := d.signIn("bob")
	bob.refused(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, t.Name()), http.StatusForbidden, kubebindv1alpha2.ErrorCodeAuthorizationFailed)
	bob.refused(http.MethodPost, "/api/bind?consumer_id="+t.Name(), wishFor("fruit", template.Name, "other"), http.StatusForbidden, kubebindv1alpha2.ErrorCodeAuthorizationFailed)
	bob.do(http.MethodGet, "/api/consumer-status?consumer_id="+t.Name(), nil, http.StatusOK, &status)

	// A browser has no kubeconfig to ask with: the provider does it.
	var own kubebindv1alpha2.BindingResourceResponse
	bob.do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, "ui-identity"), http.StatusOK, &own)
	if own.BindingName != "fruit" || own.ProviderNamespace == bound.ProviderNamespace {
		t.Errorf("got %+v", own)
	}
	get(t, admin(t), own.ProviderNamespace, "fruit", &kubebindv1alpha2.APIServiceExport{})

	// SEC-11: who signs out is signed out everywhere.
	alice.do(http.MethodPost, "/api/logout", struct{}{}, http.StatusOK, nil)
	alice.refused(http.MethodGet, "/api/ping", nil, http.StatusUnauthorized, kubebindv1alpha2.ErrorCodeAuthenticationFailed)
	var pong string
	if bob.do(http.MethodGet, "/api/ping", nil, http.StatusOK, &pong); pong != "pong" {
		t.Errorf("got %q", pong)
	}
}
