// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kube-bind.io/kube-bind/backend"
)

// openIDProvider is one that lets everybody in, and can be made to lie.
type openIDProvider struct {
	t      *testing.T
	server *httptest.Server
	key    *rsa.PrivateKey

	mu     sync.Mutex
	grants map[string]url.Values
	// who are claims of whoever signs in next.
	who map[string]any
	// forge makes the id_token from honest claims. nil signs them.
	forge func(claims map[string]any) string
	// seen is all that must not be found anywhere.
	seen []string
}

// newOpenIDProvider returns a provider that is not there yet.
func newOpenIDProvider(t *testing.T) *openIDProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &openIDProvider{t: t, key: key, grants: map[string]url.Values{}, who: map[string]any{"sub": "alice"}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.give(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	p.server = httptest.NewUnstartedServer(mux)
	return p
}

func (p *openIDProvider) start() *openIDProvider {
	p.server.Start()
	p.t.Cleanup(p.server.Close)
	return p
}

func (p *openIDProvider) url() string { return "http://" + p.server.Listener.Addr().String() }

// options make a backend a client of the provider.
func (p *openIDProvider) options(o *backend.Options) {
	f := &o.FrontDoor
	f.OIDCType, f.IssuerURL, f.ClientID, f.ClientSecret = backend.OIDCExternal, p.url(), "kube-bind", "client-s3cret"
	f.AllowedUsers = []string{"alice"}
}

// set says who signs in next, and with which forgery.
func (p *openIDProvider) set(who map[string]any, forge func(claims map[string]any) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.who, p.forge = who, forge
}

func (p *openIDProvider) give(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		p.t.Error(err)
	}
}

func (p *openIDProvider) discovery(w http.ResponseWriter, _ *http.Request) {
	at := p.url()
	p.give(w, map[string]any{
		"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (p *openIDProvider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, code := r.URL.Query(), "code-"+rand.Text()
	p.grants[code] = asked
	p.seen = append(p.seen, code, asked.Get("state"), asked.Get("nonce"))
	target := asked.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {asked.Get("state")}}.Encode()
	http.Redirect(w, r, target, http.StatusFound)
}

func (p *openIDProvider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, found := p.grants[r.FormValue("code")]
	delete(p.grants, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, _ := r.BasicAuth()
	if !found || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || id != "kube-bind" || secret != "client-s3cret" {
		w.WriteHeader(http.StatusBadRequest)
		p.give(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{
		"iss": p.url(), "aud": "kube-bind", "nonce": asked.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	maps.Copy(claims, p.who)
	forge := p.forge
	if forge == nil {
		forge = func(claims map[string]any) string { return p.sign(jose.RS256, p.key, claims) }
	}
	answer := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "id_token": forge(claims)}
	p.seen = append(p.seen, answer["access_token"].(string), answer["id_token"].(string), r.FormValue("code_verifier"))
	p.give(w, answer)
}

// sign makes a token with the id of the provider's key.
func (p *openIDProvider) sign(algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	object, err := signer.Sign(marshal(p.t, claims))
	if err != nil {
		p.t.Error(err)
		return ""
	}
	out, err := object.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return out
}

// forgeries are id_tokens that must not be believed.
func (p *openIDProvider) forgeries(t *testing.T) map[string]func(claims map[string]any) string {
	t.Helper()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	honest := func(claims map[string]any) string { return p.sign(jose.RS256, p.key, claims) }
	saying := func(name string, value any) func(map[string]any) string {
		return func(claims map[string]any) string {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			return honest(claims)
		}
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: p.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func(claims map[string]any) string{
		"signed by another":    func(claims map[string]any) string { return p.sign(jose.RS256, stranger, claims) },
		"other algorithm":      func(claims map[string]any) string { return p.sign(jose.PS256, p.key, claims) },
		"public key as secret": func(claims map[string]any) string { return p.sign(jose.HS256, public, claims) },
		"client secret as key": func(claims map[string]any) string {
			return p.sign(jose.HS256, []byte(strings.Repeat("client-s3cret", 3)), claims)
		},
		"not signed":            func(claims map[string]any) string { return unsigned(t, claims, "") },
		"signature of nothing":  func(claims map[string]any) string { return unsigned(t, claims, "AAAA") },
		"claims exchanged":      func(claims map[string]any) string { return exchanged(t, honest(claims), claims) },
		"key in the token":      func(claims map[string]any) string { return withKey(t, stranger, claims) },
		"another issuer":        saying("iss", "https://evil.example.com"),
		"issuer with a slash":   saying("iss", p.url()+"/"),
		"no issuer":             saying("iss", nil),
		"for another client":    saying("aud", "another"),
		"for a similar client":  saying("aud", "kube-bind2"),
		"for other clients":     saying("aud", []string{"a", "b"}),
		"for nobody":            saying("aud", nil),
		"another nonce":         saying("nonce", "another"),
		"an empty nonce":        saying("nonce", ""),
		"no nonce":              saying("nonce", nil),
		"expired":               saying("exp", time.Now().Add(-time.Second).Unix()),
		"no expiry":             saying("exp", nil),
		"expiry is no number":   saying("exp", "tomorrow"),
		"not yet":               saying("nbf", time.Now().Add(time.Hour).Unix()),
		"no subject":            saying("sub", nil),
		"subject is no text":    saying("sub", 1),
		"no token":              func(map[string]any) string { return "" },
		"rubbish":               func(map[string]any) string { return "a.b.c" },
		"an access token of it": func(map[string]any) string { return rand.Text() },
	}
}

// unsigned is a token of the algorithm "none".
func unsigned(t *testing.T, claims map[string]any, signature string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"1"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(marshal(t, claims)) + "." + signature
}

// exchanged has the signature of other claims.
func exchanged(t *testing.T, token string, claims map[string]any) string {
	parts := strings.Split(token, ".")
	claims["sub"] = "root"
	parts[1] = base64.RawURLEncoding.EncodeToString(marshal(t, claims))
	return strings.Join(parts, ".")
}

// withKey is signed with a key that the token brings along.
func withKey(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	header := marshal(t, map[string]any{"alg": "RS256", "jwk": jose.JSONWebKey{Key: key.Public()}})
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(marshal(t, claims))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// freeAddress is one on this machine where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
