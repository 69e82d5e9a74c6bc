// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// providerTimeout is how long the OpenID provider may take for an answer.
const providerTimeout = 10 * time.Second

// OpenID says which OpenID provider people sign in at.
type OpenID struct {
	// Issuer is the provider's URL, as it calls itself.
	Issuer string
	// ClientID and ClientSecret are the backend's own. A public client has no secret.
	ClientID, ClientSecret string
	// CallbackURL is where the provider sends browsers back to: a page of ours.
	CallbackURL string
	// Scopes to ask for. "openid" must be one of them.
	Scopes []string
	// UsernameClaim and GroupsClaim are the claims of the id_token that say who somebody is, and in which groups.
	UsernameClaim, GroupsClaim string
	// Client reaches the provider. Default: one that waits 10 s for an answer.
	Client *http.Client
}

// openID is a client of the provider. What the provider says of itself is read when it is first needed: a backend starts
// while its OpenID provider is away.
type openID struct {
	OpenID

	mu       sync.Mutex
	provider *oidc.Provider
}

// identity is what an OpenID provider says of somebody.
type identity struct {
	subject, username, name string
	groups                  []string
}

// discover returns the provider, or why it cannot be reached.
func (o *openID) discover(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider == nil {
		provider, err := oidc.NewProvider(oidc.ClientContext(ctx, o.Client), o.Issuer)
		if err != nil {
			return nil, fmt.Errorf("asking the OpenID provider %s about itself: %w", o.Issuer, err)
		}
		o.provider = provider
	}
	return o.provider, nil
}

// config takes the way to authenticate that the provider tells of (OpenID Connect Discovery, section 3: basic unless it says
// otherwise): trying both would hide the first one's error behind "invalid code".
func (o *openID) config(provider *oidc.Provider) *oauth2.Config {
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	var says struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&says); o.ClientSecret == "" || err == nil && len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: endpoint, RedirectURL: o.CallbackURL, Scopes: o.Scopes,
	}
}

// loginURL is where a login begins, with PKCE (RFC 7636) and a nonce.
func (o *openID) loginURL(ctx context.Context, state, nonce, verifier string) (string, error) {
	provider, err := o.discover(ctx)
	if err != nil {
		return "", err
	}
	return o.config(provider).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// exchange returns who somebody is who came back with a code. The id_token is fully verified: signature, issuer, audience,
// expiry, and the nonce.
func (o *openID) exchange(ctx context.Context, code, nonce, verifier string) (*identity, error) {
	provider, err := o.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, o.Client)
	token, err := o.config(provider).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, refusedCode(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the OpenID provider's answer has no id_token")
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: o.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("verifying the id_token: %w", err)
	}
	if verified.Nonce != nonce {
		return nil, errors.New("verifying the id_token: it was made for another login")
	}
	return o.identity(verified)
}

// refusedCode keeps the provider's code and description, and leaves out what else it sent.
func refusedCode(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		why := refused.ErrorCode
		if why == "" && refused.Response != nil {
			why = refused.Response.Status
		}
		return fmt.Errorf("the OpenID provider refuses the code: %s %s", why, refused.ErrorDescription)
	}
	return fmt.Errorf("exchanging the code at the OpenID provider: %w", err)
}

func (o *openID) identity(token *oidc.IDToken) (*identity, error) {
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		return nil, fmt.Errorf("reading the id_token: %w", err)
	}
	out := &identity{subject: token.Subject}
	var ok bool
	if out.username, ok = claims[o.UsernameClaim].(string); !ok || out.username == "" || out.subject == "" {
		return nil, fmt.Errorf("the id_token has no claim %q that names somebody", o.UsernameClaim)
	}
	// Others could take an address that was never verified. Some providers write the claim as a string.
	if verified, ok := claims["email_verified"]; o.UsernameClaim == "email" && ok && verified != true && verified != "true" {
		return nil, errors.New("the OpenID provider has not verified the email address")
	}
	for _, claim := range []string{"preferred_username", "email", "name"} {
		if name, ok := claims[claim].(string); ok && out.name == "" {
			out.name = name
		}
	}
	switch groups := claims[o.GroupsClaim].(type) {
	case string:
		out.groups = []string{groups}
	case []any:
		for _, g := range groups {
			if name, ok := g.(string); ok {
				out.groups = append(out.groups, name)
			}
		}
	}
	return out, nil
}

// ClientFor returns a client of an OpenID provider whose certificate has one of these CAs, in PEM; nil stands for those of the
// system.
func ClientFor(ca []byte) (*http.Client, error) {
	out := &http.Client{Timeout: providerTimeout}
	if len(ca) == 0 {
		return out, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("it holds no certificate in PEM")
	}
	out.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return out, nil
}
