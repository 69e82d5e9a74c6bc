// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Where things are.
const (
	discoveryPath = root + oidc.DiscoveryEndpoint
	authorizePath = root + "/authorize"
	tokenPath     = root + "/token"
	userinfoPath  = root + "/userinfo"
	keysPath      = root + "/keys"
	signInPath    = root + "/sign-in"
	stylePath     = root + "/style.css"
)

// maxInput is how much of a query, or of a body, is looked at.
const maxInput = 16 << 10

// Issuer is an OpenID provider for development. It is safe for concurrent use.
type Issuer struct {
	opts     Options
	storage  *storage
	provider *op.Provider
	pages    *pages
	handler  http.Handler
}

// New returns an Issuer with a key of its own. It fails on options that are wrong.
func New(opts Options) (*Issuer, error) {
	opts.defaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	key, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	i := &Issuer{opts: opts, storage: newStorage(opts, key)}
	if i.pages, err = newPages(opts); err != nil {
		return nil, err
	}
	if i.provider, err = newProvider(opts.URL, i.storage); err != nil {
		return nil, err
	}
	i.handler = i.routes()
	return i, nil
}

// newProvider returns the library's part of an Issuer. Its routes are not used: they offer more than is meant, and to
// pages of every origin. It logs nothing: what clients send in error may be secret.
func newProvider(url string, storage *storage) (*op.Provider, error) {
	config := &op.Config{AuthMethodPost: true, CodeMethodS256: true}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	provider, err := op.NewProvider(config, storage, op.StaticIssuer(url),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("making the OpenID provider: %w", err)
	}
	return provider, nil
}

// ServeHTTP serves discovery, authorization, tokens, userinfo, keys and the sign-in form, all below /oidc.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.pages.protect(w.Header())
	r = r.WithContext(op.ContextWithIssuer(r.Context(), i.opts.URL))
	if len(r.URL.RawQuery) > maxInput {
		i.pages.problem(w, http.StatusRequestURITooLong, "The address is too long.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxInput)
	i.handler.ServeHTTP(w, r)
}

func (i *Issuer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+discoveryPath, i.discovery)
	mux.HandleFunc("GET "+keysPath, func(w http.ResponseWriter, r *http.Request) { op.Keys(w, r, i.storage) })
	mux.HandleFunc("GET "+authorizePath, i.parsed(i.authorize))
	mux.HandleFunc("POST "+authorizePath, i.parsed(i.authorize))
	mux.HandleFunc("POST "+tokenPath, i.parsed(i.token))
	mux.HandleFunc("GET "+userinfoPath, i.parsed(i.userinfo))
	mux.HandleFunc("POST "+userinfoPath, i.parsed(i.userinfo))
	mux.HandleFunc("GET "+signInPath, i.parsed(i.showForm))
	mux.HandleFunc("POST "+signInPath, i.parsed(i.signIn))
	mux.HandleFunc("GET "+stylePath, i.pages.style)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		i.pages.problem(w, http.StatusNotFound, "There is no such page.")
	})
	return mux
}

// parsed parses the form before next sees it. The library would go on with a form that it could not parse.
func (i *Issuer) parsed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			i.pages.problem(w, http.StatusBadRequest, "The form is broken, or too long.")
			return
		}
		next(w, r)
	}
}

// discovery tells what there is, and only that: the library would promise the implicit flow, and clients without secret.
func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	at := func(path string) string { return strings.TrimSuffix(i.opts.URL, root) + path }
	op.Discover(w, &oidc.DiscoveryConfiguration{
		Issuer:                            i.opts.URL,
		AuthorizationEndpoint:             at(authorizePath),
		TokenEndpoint:                     at(tokenPath),
		UserinfoEndpoint:                  at(userinfoPath),
		JwksURI:                           at(keysPath),
		ScopesSupported:                   scopes(),
		ResponseTypesSupported:            []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:            []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:               i.storage.client.GrantTypes(),
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgValuesSupported:  []string{string(algorithm)},
		TokenEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost},
		CodeChallengeMethodsSupported:     []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
		ClaimsSupported: []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "azp", "amr",
			"name", "preferred_username", "email", "email_verified", scopeGroups},
	})
}

// token exchanges a code. What the query says does not count: it is in too many logs to be a place for secrets.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	r.Form = r.PostForm
	if r.Form.Get("grant_type") != string(oidc.GrantTypeCode) {
		op.RequestError(w, r, oidc.ErrUnsupportedGrantType().WithDescription("the grant_type must be authorization_code"), i.provider.Logger())
		return
	}
	op.CodeExchange(w, r, i.provider)
}

// userinfo tells the bearer of an access token about its user. The query does not count here either.
func (i *Issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	r.Form = r.PostForm
	op.Userinfo(w, r, i.provider)
}
