// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// idp is an OpenID provider that says what a test wants.
type idp struct {
	*httptest.Server
	key *rsa.PrivateKey
	// claims are those of the next id_token.
	claims map[string]any
	// answer is given instead of a token, if it is not nil.
	answer http.HandlerFunc
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key}
	mux := http.NewServeMux()
	give := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(value); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		give(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		give(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if p.answer != nil {
			p.answer(w, r)
			return
		}
		give(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(t)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) sign(t *testing.T) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	raw, err := json.Marshal(p.claims)
	if err != nil {
		t.Error(err)
	}
	object, err := signer.Sign(raw)
	if err != nil {
		t.Error(err)
		return ""
	}
	out, err := object.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return out
}

// with are claims of a good id_token, and others instead; nil takes one away.
func (p *idp) with(changes map[string]any) *idp {
	p.claims = map[string]any{
		"iss": p.URL, "aud": "kube-bind", "sub": "1234", "nonce": "n", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for name, value := range changes {
		if p.claims[name] = value; value == nil {
			delete(p.claims, name)
		}
	}
	return p
}

func (p *idp) client(username string) *openID {
	return &openID{OpenID: OpenID{
		Issuer: p.URL, ClientID: "kube-bind", CallbackURL: "http://127.0.0.1/api/callback", Scopes: []string{"openid"},
		UsernameClaim: username, GroupsClaim: "groups", Client: p.Client(),
	}}
}

// What the claims say of somebody, in the ways that providers write it.
func TestIdentity(t *testing.T) {
	p := newIDP(t)
	for name, tc := range map[string]struct {
		username string
		claims   map[string]any
		want     identity
		fails    string
	}{
		"subject":           {"sub", nil, identity{subject: "1234", username: "1234"}, ""},
		"groups":            {"sub", map[string]any{"groups": []any{"a", "b"}}, identity{subject: "1234", username: "1234", groups: []string{"a", "b"}}, ""},
		"one group":         {"sub", map[string]any{"groups": "a"}, identity{subject: "1234", username: "1234", groups: []string{"a"}}, ""},
		"groups of numbers": {"sub", map[string]any{"groups": []any{1, "a", nil, []any{"b"}}}, identity{subject: "1234", username: "1234", groups: []string{"a"}}, ""},
		"groups, a map":     {"sub", map[string]any{"groups": map[string]any{"a": true}}, identity{subject: "1234", username: "1234"}, ""},
		"a name for people": {"sub", map[string]any{"name": "Alice A.", "preferred_username": "alice"}, identity{subject: "1234", username: "1234", name: "alice"}, ""},
		"email":             {"email", map[string]any{"email": "a@b.c", "email_verified": true}, identity{subject: "1234", username: "a@b.c", name: "a@b.c"}, ""},
		"email, no word":    {"email", map[string]any{"email": "a@b.c"}, identity{subject: "1234", username: "a@b.c", name: "a@b.c"}, ""},
		"email, a string":   {"email", map[string]any{"email": "a@b.c", "email_verified": "true"}, identity{subject: "1234", username: "a@b.c", name: "a@b.c"}, ""},
		"not verified":      {"email", map[string]any{"email": "a@b.c", "email_verified": false}, identity{}, "not verified"},
		"not, as a string":  {"email", map[string]any{"email": "a@b.c", "email_verified": "false"}, identity{}, "not verified"},
		"not, as a number":  {"email", map[string]any{"email": "a@b.c", "email_verified": 1}, identity{}, "not verified"},
		"of no importance":  {"sub", map[string]any{"email": "a@b.c", "email_verified": false}, identity{subject: "1234", username: "1234", name: "a@b.c"}, ""},
		"no such claim":     {"email", nil, identity{}, "no claim"},
		"empty claim":       {"email", map[string]any{"email": ""}, identity{}, "no claim"},
		"claim of numbers":  {"uid", map[string]any{"uid": 0}, identity{}, "no claim"},
		"no subject":        {"email", map[string]any{"email": "a@b.c", "sub": nil}, identity{}, "no claim"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.with(tc.claims).client(tc.username).exchange(t.Context(), "code", "n", "verifier")
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("got %+v, %v, want %s", got, err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.subject != tc.want.subject || got.username != tc.want.username || got.name != tc.want.name || !slices.Equal(got.groups, tc.want.groups) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// Of what the provider answers besides its reason nothing is told: there may be secrets in it.
func TestRefusedCode(t *testing.T) {
	p := newIDP(t).with(nil)
	for name, tc := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"as it should be": {http.StatusBadRequest, `{"error":"invalid_grant","error_description":"too late","debug":"s3cret"}`, "invalid_grant too late"},
		"a page":          {http.StatusBadGateway, `<html>s3cret</html>`, "502"},
		"no token":        {http.StatusOK, `{"access_token":"s3cret","token_type":"Bearer"}`, "no id_token"},
		"no text":         {http.StatusOK, `{"access_token":"s3cret","token_type":"Bearer","id_token":5}`, "no id_token"},
		"rubbish":         {http.StatusOK, `{"access_token":"s3cret","token_type":"Bearer","id_token":"s3cret.s3cret"}`, "verifying"},
	} {
		t.Run(name, func(t *testing.T) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}
			_, err := p.client("sub").exchange(t.Context(), "thecode", "n", "verifier")
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "thecode") {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

// A provider that is away is asked again, and what one request learnt of it outlives that request.
func TestDiscoverAgain(t *testing.T) {
	p := newIDP(t).with(nil)
	client := p.client("sub")
	client.Issuer = p.URL + "/elsewhere"
	if _, err := client.loginURL(t.Context(), "s", "n", "v"); err == nil {
		t.Error("there is a login at no provider")
	}
	client.Issuer = p.URL
	ctx, cancel := context.WithCancel(t.Context())
	at, err := client.loginURL(ctx, "s", "n", "v")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, parameter := range []string{"code_challenge_method=S256", "code_challenge=", "nonce=n", "state=s", "response_type=code"} {
		if !strings.Contains(at, parameter) {
			t.Errorf("there is no %s in %s", parameter, at)
		}
	}
	if _, err := client.exchange(t.Context(), "code", "n", "verifier"); err != nil {
		t.Error(err)
	}
}

func TestClientFor(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	for name, ca := range map[string]string{"no PEM": "x", "no certificate": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"} {
		if _, err := ClientFor([]byte(ca)); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	client, err := ClientFor(nil)
	if err != nil || client.Timeout == 0 {
		t.Fatalf("got %+v, %v", client, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := client.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("a certificate of nobody is trusted")
	}
}
