// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/tools/clientcmd"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// SEC-12: a page of another origin does nothing with a person's cookie.
func TestSEC12CrossOriginRequests(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	d := openDoor(t)
	d.signIn("alice").allowed()
	v := d.signedIn("alice")
	wish := marshal(t, wishFor("fruit", template.Name, "ui-identity"))
	for name, header := range map[string]map[string]string{
		"another origin":           {"Origin": "https://evil.example.com"},
		"another port":             {"Origin": d.origin + "0"},
		"another scheme":           {"Origin": "https" + strings.TrimPrefix(d.origin, "http") + ":1"},
		"no origin":                {"Origin": "null"},
		"as browsers say":          {"Sec-Fetch-Site": "cross-site"},
		"a neighbour":              {"Sec-Fetch-Site": "same-site", "Origin": d.origin},
		"what browsers say counts": {"Sec-Fetch-Site": "cross-site", "Origin": d.origin},
	} {
		for _, path := range []string{"/api/bind", "/api/logout", "/api/token", "/api/authorize", "/oidc/signin", "/sign-out", "/templates/" + template.Name + "/bundle", "/templates/" + template.Name + "/cli"} {
			header["Content-Type"] = "application/json"
			got := v.send(http.MethodPost, path, header, wish)
			if v.turnedAway(name+" to "+path, got, http.StatusForbidden); got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: the headers are %v", name, got.header)
			}
		}
	}
	// What a form can send without being asked is refused, should the browser be too old to say where it comes from.
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		v.refused("a form of "+kind, v.send(http.MethodPost, "/api/bind", map[string]string{"Content-Type": kind}, wish), http.StatusBadRequest, badlyPut)
	}
	// Nobody may ask from elsewhere what the API can do, and nothing is put into frames.
	got := v.send(http.MethodOptions, "/api/bind", map[string]string{"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}, nil)
	if got.header.Get("Access-Control-Allow-Origin") != "" || got.status == http.StatusOK || got.status == http.StatusNoContent {
		t.Errorf("got %d %v", got.status, got.header)
	}
	got = v.send(http.MethodGet, "/api/templates", nil, nil)
	if h := got.header; h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the headers are %v", h)
	}
	// The page of the backend itself may.
	if got := v.send(http.MethodPost, "/api/bind", jsonHeader("Origin", d.origin, "Sec-Fetch-Site", "same-origin"), wish); got.status != http.StatusOK {
		t.Errorf("got %d: %s", got.status, got.body)
	}
}

// transcript is what a backend logs.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *transcript) add(prefix, args string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(prefix + " " + args + "\n")
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// SEC-12: nothing that lets somebody in is in the log, however much is logged, nor in answers to those whom it is not for.
func TestSEC12NothingSecretInLogs(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	p, log := newOpenIDProvider(t).start(), &transcript{}
	d := openDoor(t, p.options, func(o *backend.Options) {
		o.Logger = funcr.New(log.add, funcr.Options{Verbosity: 10, LogTimestamp: true})
	})
	secrets := map[string]string{"client secret": "client-s3cret"}
	v := d.visitor()
	at := v.login("", nil, d.origin+"/api/callback")
	secrets["login cookie"] = v.cookie("kube-bind.login-"+at.Query().Get("state")[:8], "/")
	v.send(http.MethodGet, at.String(), nil, nil)
	secrets["cookie"] = v.cookie("kube-bind", "/")
	back := d.visitor().login("", challenge("the verifier"), callback).Query()
	secrets["our code"] = back.Get("code")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	alice := person{door: d}
	alice.refused(http.MethodPost, "/api/token", map[string]string{"code": back.Get("code"), "code_verifier": "the wrong one"}, http.StatusUnauthorized, nobody)
	alice.do(http.MethodPost, "/api/token", map[string]string{"code": back.Get("code"), "code_verifier": "the verifier"}, http.StatusOK, &token)
	alice.token, secrets["token"], secrets["verifier"] = token.AccessToken, token.AccessToken, "the verifier"
	old := d.visitor().login("", map[string]string{"redirect_url": callback, "client_type": "cli"}, callback).Query()
	secrets["token in the URL"] = old.Get("access_token")
	var bound kubebindv1alpha2.BindingResourceResponse
	alice.allowed().do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, "ui-identity"), http.StatusOK, &bound)
	cfg, err := clientcmd.RESTConfigFromKubeConfig(bound.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	secrets["kubeconfig"] = cfg.BearerToken

	// What goes wrong is logged more than what goes well.
	for name, forge := range p.forgeries(t) {
		p.set(map[string]any{"sub": "alice"}, forge)
		at := v.login("", nil, d.origin+"/api/callback")
		v.refused(name, v.send(http.MethodGet, at.String(), nil, nil), http.StatusUnauthorized, nobody)
	}
	alice.refused(http.MethodGet, "/api/ping?cluster_id="+url.QueryEscape(secrets["token"]), nil, http.StatusForbidden, notYou)
	person{door: d, token: secrets["token"] + "x"}.refused(http.MethodGet, "/api/ping?access_token="+secrets["token"], nil, http.StatusUnauthorized, nobody)
	v.send(http.MethodPost, "/api/token", jsonHeader(), []byte(`{"code":"`+secrets["our code"]+`",`))
	alice.do(http.MethodPost, "/api/logout", nil, http.StatusOK, nil)

	keys := sealingKeys(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, seen := range p.seen {
		if len(seen) > 10 {
			secrets[fmt.Sprintf("thing number %d of the OpenID provider", i)] = seen
		}
	}
	text := log.String()
	for what, secret := range secrets {
		if len(secret) < 10 {
			t.Errorf("%s is %q", what, secret)
		} else if strings.Contains(text, secret) {
			t.Errorf("the log has the %s", what)
		}
	}
	for _, key := range keys {
		if strings.Contains(text, key) {
			t.Error("the log has a key")
		}
	}
	if !strings.Contains(text, "/api/bind") || strings.Contains(text, "access_token=") {
		t.Errorf("the log is not what it should be:\n%.2000s", text)
	}
}

// sealingKeys are the keys of this test's door, as they would be written in a log.
func sealingKeys(t *testing.T) (out []string) {
	t.Helper()
	for _, value := range get(t, admin(t), unique(t)+"-door", "kube-bind-session-keys", &corev1.Secret{}).Data {
		out = append(out, base64.StdEncoding.EncodeToString(value))
	}
	if len(out) == 0 {
		t.Error("there are no keys")
	}
	return out
}
