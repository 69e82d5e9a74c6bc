// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"net/http"
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
		{"alice", "alice-dev-only", claims{"alice", "alice", "alice", "alice@example.org", true, []string{"engineering"}}},
		{"bob", "bob-dev-only", claims{"bob", "bob", "bob", "bob@example.org", true, []string{"devops"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, a, b := &world{T: t, clock: w.clock, url: w.url, client: w.client, verifier: w.verifier, provider: w.provider}, newAttempt(), newBrowser(t)
			before := time.Now().Truncate(time.Second)
			token, err := w.exchange(a, w.code(b.fillIn(b.get(w.begin(a)), tc.name, tc.password), a.state))
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

func TestUnknownPath(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	for _, path := range []string{"", "/", "/nothing", "/introspect", "/oauth/token", "/healthz"} {
		if got := b.get(w.url + path); got.status != http.StatusNotFound {
			t.Errorf("got %d for %q", got.status, path)
		}
	}
}
