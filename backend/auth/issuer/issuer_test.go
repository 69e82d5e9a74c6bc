// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

// claims are what tokens and userinfo say of a user.
type claims struct {
	Subject  string   `json:"sub"`
	Name     string   `json:"name"`
	Username string   `json:"preferred_username"`
	Email    string   `json:"email"`
	Verified bool     `json:"email_verified"`
	Groups   []string `json:"groups"`
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name, password string
		want           claims
	}{
		{alice, alicesPassword, claims{"alice", "alice", "alice", "alice@example.org", true, []string{"engineering"}}},
		{"bob", "bob-dev-only", claims{"bob", "bob", "bob", "bob@example.org", true, []string{"devops"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, a, b := w.in(t), newAttempt(), newBrowser(t)
			before := time.Now().Truncate(time.Second)
			token, err := w.exchange(a, w.code(b.fillIn(b.get(w.begin(a, nil)), tc.name, tc.password), a.state))
			if err != nil {
				t.Fatal(err)
			}
			if token.RefreshToken != "" {
				t.Error("there is a refresh token")
			}
			if got := token.Extra("scope"); got != "openid profile email groups" {
				t.Errorf("the scopes are %q", got)
			}
			raw, _ := token.Extra("id_token").(string)
			id, err := w.verifier.Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if id.Nonce != a.nonce || !cmp.Equal(id.Audience, []string{clientID}) || id.Issuer != w.url || id.Expiry.Before(before) {
				t.Errorf("got %+v", id)
			}
			if err := id.VerifyAccessToken(token.AccessToken); err != nil {
				t.Error(err)
			}
			var got claims
			if err := id.Claims(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ID token: want -, got +:\n%s", diff)
			}
			info, err := w.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			if err != nil {
				t.Fatal(err)
			}
			got = claims{}
			if err := info.Claims(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("userinfo: want -, got +:\n%s", diff)
			}
		})
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	var got map[string]any
	if err := json.Unmarshal([]byte(newBrowser(t).get(w.url+"/.well-known/openid-configuration").body), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "claims_supported")
	want := map[string]any{
		"issuer":                                w.url,
		"authorization_endpoint":                w.url + "/authorize",
		"token_endpoint":                        w.url + "/token",
		"userinfo_endpoint":                     w.url + "/userinfo",
		"jwks_uri":                              w.url + "/keys",
		"scopes_supported":                      []any{"openid", "profile", "email", "groups"},
		"response_types_supported":              []any{"code"},
		"response_modes_supported":              []any{"query"},
		"grant_types_supported":                 []any{"authorization_code"},
		"subject_types_supported":               []any{"public"},
		"id_token_signing_alg_values_supported": []any{"RS256"},
		"token_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":      []any{"S256"},
		"request_uri_parameter_supported":       false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// TestScopes asks for less: what is not asked for must not be told.
func TestScopes(t *testing.T) {
	w := newWorld(t)
	a, b := newAttempt(), newBrowser(t)
	token, err := w.exchange(a, w.code(b.fillIn(b.get(w.begin(a, map[string]string{"scope": "openid phone"})), alice, alicesPassword), a.state))
	if err != nil {
		t.Fatal(err)
	}
	if got := token.Extra("scope"); got != "openid" {
		t.Errorf("the scopes are %q", got)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := w.verifier.Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var got claims
	if err := id.Claims(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(claims{Subject: alice}, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// TestNotAToken looks what userinfo says to those that are not, or no longer, access tokens.
func TestNotAToken(t *testing.T) {
	w := newWorld(t)
	a := newAttempt()
	token, err := w.exchange(a, w.signIn(a))
	if err != nil {
		t.Fatal(err)
	}
	// The library's cipher is a stream: a changed byte of what is encrypted is a changed byte of it. The last one is of
	// the subject.
	sealed, err := base64.RawURLEncoding.DecodeString(token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)-1] ^= 'e' ^ 'a'
	idToken, _ := token.Extra("id_token").(string)
	for name, forged := range map[string]string{
		"of another user": base64.RawURLEncoding.EncodeToString(sealed),
		"ID token":        idToken,
		"anything":        "anything",
		"nothing":         "",
	} {
		t.Run(name, func(t *testing.T) {
			if info, err := w.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: forged})); err == nil {
				t.Errorf("got %+v", info)
			}
		})
	}
	if got := newBrowser(t).get(w.url + "/userinfo?access_token=" + url.QueryEscape(token.AccessToken)); got.status != http.StatusUnauthorized {
		t.Errorf("got %d for a token in the query", got.status)
	}
	w.clock.pass(time.Hour)
	if info, err := w.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
		t.Errorf("got %+v for a token that expired", info)
	}
}
