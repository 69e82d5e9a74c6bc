// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"kube-bind.io/kube-bind/test/browser"
)

const redirectURI = "http://127.0.0.1:1/callback" // where nobody listens: it is never asked

// startProvider starts a provider for a test.
func startProvider(t *testing.T, o Options) *Provider {
	t.Helper()
	o.RedirectURIs = []string{"http://127.0.0.1:1/other", redirectURI}
	o.LogDir = t.ArtifactDir()
	begin := time.Now()
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the provider was ready after %s", time.Since(begin).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Stop left %s behind (%v)", p.dir, err)
		}
	})
	return p
}

// party is a client of the provider, with a third party's implementation of the protocol.
type party struct {
	ctx      context.Context // with the HTTP client, as go-oidc and oauth2 want it
	http     *http.Client
	config   oauth2.Config
	verifier *oidc.IDTokenVerifier
}

func newParty(t *testing.T, p *Provider) *party {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	ctx := oidc.ClientContext(t.Context(), client)
	discovered, err := oidc.NewProvider(ctx, p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	return &party{
		ctx:  ctx,
		http: client,
		config: oauth2.Config{
			ClientID:     p.ClientID(),
			ClientSecret: p.ClientSecret(),
			Endpoint:     discovered.Endpoint(),
			RedirectURL:  redirectURI,
			Scopes:       []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "profile", "email", "groups"},
		},
		verifier: discovered.Verifier(&oidc.Config{ClientID: p.ClientID()}),
	}
}

// signIn sends a user, who has not been there before, to the provider and back.
func (c *party) signIn(t *testing.T, address string, user User) (*url.URL, error) {
	t.Helper()
	b, err := browser.New(c.http.Transport)
	if err != nil {
		t.Fatal(err)
	}
	return b.SignIn(c.ctx, address, redirectURI+"?", user.Name, user.Password)
}

// code signs a user in, and returns what the client then gets at its redirect URI.
func (c *party) code(t *testing.T, user User, options ...oauth2.AuthCodeOption) string {
	t.Helper()
	location, err := c.signIn(t, c.config.AuthCodeURL("some-state", options...), user)
	if err != nil {
		t.Fatal(err)
	}
	if got := location.Query().Get("state"); got != "some-state" {
		t.Errorf("the state came back as %q", got)
	}
	return location.Query().Get("code")
}

// claims are what the tests look at in an ID token.
type claims struct {
	Name          string   `json:"preferred_username"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	Groups        []string `json:"groups"`
}

// verify verifies the ID token that came with others.
func (c *party) verify(t *testing.T, token *oauth2.Token) (*oidc.IDToken, claims) {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	verified, err := c.verifier.Verify(c.ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	var found claims
	if err := verified.Claims(&found); err != nil {
		t.Fatal(err)
	}
	return verified, found
}

func TestProvider(t *testing.T) {
	p := startProvider(t, Options{IDTokenLifetime: 10 * time.Minute})
	c := newParty(t, p)
	alice, bob := p.Users()[0], p.Users()[1]

	t.Run("discovery offers S256", func(t *testing.T) { testDiscovery(t, p, c) })
	t.Run("users have groups of their own", func(t *testing.T) { testUsers(t, c, alice, bob) })
	t.Run("a code needs its verifier", func(t *testing.T) { testVerifierIsNeeded(t, c, alice) })
	t.Run("a refresh tells new groups", func(t *testing.T) { testRefresh(t, p, c, bob) })
	t.Run("a wrong password is refused", func(t *testing.T) { testWrongPassword(t, c, alice) })
	t.Run("a foreign redirect URI is refused", func(t *testing.T) { testForeignRedirect(t, c, alice) })
}

func testDiscovery(t *testing.T, p *Provider, c *party) {
	discovered, err := oidc.NewProvider(c.ctx, p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Methods []string `json:"code_challenge_methods_supported"`
		Scopes  []string `json:"scopes_supported"`
	}
	if err := discovered.Claims(&document); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(document.Methods, "S256") || !slices.Contains(document.Scopes, "groups") {
		t.Errorf("discovery says %+v, want the method S256 and the scope groups", document)
	}
}

func testUsers(t *testing.T, c *party, users ...User) {
	subjects := map[string]bool{}
	for _, user := range users {
		verifier := oauth2.GenerateVerifier()
		code := c.code(t, user, oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce-of-"+user.Name))
		token, err := c.config.Exchange(c.ctx, code, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		id, got := c.verify(t, token)
		subjects[id.Subject] = true
		if id.Nonce != "nonce-of-"+user.Name {
			t.Errorf("the nonce of %s is %q", user.Name, id.Nonce)
		}
		if lifetime := id.Expiry.Sub(id.IssuedAt); lifetime != 10*time.Minute {
			t.Errorf("the ID token of %s is valid for %s, want 10m", user.Name, lifetime)
		}
		if got.Name != user.Name || got.Email != user.Name+"@example.org" || !got.EmailVerified {
			t.Errorf("%s has the claims %+v", user.Name, got)
		}
		if !slices.Equal(got.Groups, user.Groups) {
			t.Errorf("%s has the groups %v, want %v", user.Name, got.Groups, user.Groups)
		}
	}
	if len(subjects) != len(users) {
		t.Errorf("%d users have the subjects %v", len(users), subjects)
	}
}

func testVerifierIsNeeded(t *testing.T, c *party, user User) {
	for name, options := range map[string][]oauth2.AuthCodeOption{
		"none":    nil,
		"another": {oauth2.VerifierOption(oauth2.GenerateVerifier())},
	} {
		code := c.code(t, user, oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
		var refused *oauth2.RetrieveError
		if _, err := c.config.Exchange(c.ctx, code, options...); !errors.As(err, &refused) {
			t.Errorf("with verifier: %s, the code was taken (%v)", name, err)
		}
	}
}

func testRefresh(t *testing.T, p *Provider, c *party, user User) {
	verifier := oauth2.GenerateVerifier()
	code := c.code(t, user, oauth2.S256ChallengeOption(verifier))
	token, err := c.config.Exchange(c.ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetGroups(user.Name, "former-developers"); err != nil {
		t.Fatal(err)
	}
	refreshed, err := c.config.TokenSource(c.ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if _, got := c.verify(t, refreshed); !slices.Equal(got.Groups, []string{"former-developers"}) {
		t.Errorf("after the change %s has the groups %v", user.Name, got.Groups)
	}
	if err := p.SetGroups("nobody"); err == nil {
		t.Error("groups were given to a user that there is not")
	}
}

func testWrongPassword(t *testing.T, c *party, user User) {
	for name, wrong := range map[string]User{
		"password": {Name: user.Name, Password: "guessed"},
		"name":     {Name: "mallory", Password: user.Password},
	} {
		if _, err := c.signIn(t, c.config.AuthCodeURL("some-state"), wrong); !errors.Is(err, browser.ErrRefused) {
			t.Errorf("with a wrong %s SignIn returned %v, want %v", name, err, browser.ErrRefused)
		}
	}
}

func testForeignRedirect(t *testing.T, c *party, user User) {
	config := c.config
	config.RedirectURL = "http://127.0.0.1:1/mallory"
	_, err := c.signIn(t, config.AuthCodeURL("some-state"), user)
	if err == nil || !strings.Contains(err.Error(), "redirect_uri") {
		t.Errorf("SignIn returned %v, want the provider's complaint about the redirect URI", err)
	}
}

func TestStartFailsWithTheReason(t *testing.T) {
	missing, dying := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dying, program), []byte("#!/bin/sh\necho bad file; exit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"no redirect URI": {Options{BinDir: dying}, "redirect URI"},
		"not built":       {Options{BinDir: missing, RedirectURIs: []string{redirectURI}}, "make tools"},
		"dies":            {Options{BinDir: dying, RedirectURIs: []string{redirectURI}}, "bad file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			_, err := Start(t.Context(), c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Start returned %v, want an error with %q", err, c.want)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("Start left %v behind (%v)", left, err)
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Start(ctx, Options{BinDir: bin, RedirectURIs: []string{redirectURI}})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "last answer") {
		t.Errorf("Start returned %v, want the end of its context and the last answer", err)
	}
}
