// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// endedName is where ended sessions of tests are.
func endedName() types.NamespacedName {
	return types.NamespacedName{Namespace: "kube-bind", Name: "ended"}
}

// newSignIn returns the sign-in of one replica.
func newSignIn(t *testing.T, v *vault, c *clock, origin string) *SignIn {
	t.Helper()
	ended := NewSecretRevocations(v, v, endedName())
	ended.now = c.now
	return New(Options{
		Origin: mustParse(t, origin), Prefixes: Prefixes{Username: "oidc:", Groups: "oidc:"}, Lifetime: time.Hour, Now: c.now,
		OpenID: OpenID{Issuer: "https://idp.example.com"},
	}, newReplica(v, c).keys, ended)
}

// alice is a session that has begun.
func alice(c *clock, mods ...func(*Session)) *Session {
	out := &Session{
		ID: "1", Issuer: "https://idp.example.com", Subject: "alice", Username: "alice", Groups: []string{"a"}, Expires: c.now().Add(time.Hour),
	}
	for _, mod := range mods {
		mod(out)
	}
	return out
}

// cookieOf is the cookie that a browser gets for a session.
func cookieOf(t *testing.T, s *SignIn, session *Session) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := s.setSession(t.Context(), w, session); err != nil {
		t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %v", cookies)
	}
	return cookies[0]
}

func (s *SignIn) tokenOf(t *testing.T, session *Session) string {
	t.Helper()
	out, err := s.sealer.seal(t.Context(), kindToken, session, session.Expires)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// SEC-12: scripts do not get cookies, other sites do not send them along, and with https nobody but this host sets them.
func TestSEC12CookieAttributes(t *testing.T) {
	v, c := newVault(), newClock()
	for origin, prefix := range map[string]string{"https://bind.example.com": "__Host-", "http://127.0.0.1:8080": ""} {
		s := newSignIn(t, v, c, origin)
		for _, tc := range []struct {
			cookie *http.Cookie
			name   string
			maxAge int
		}{
			{cookieOf(t, s, alice(c)), "kube-bind", 3600},
			{cookieOf(t, s, alice(c, func(s *Session) { s.Cluster = "one" })), "kube-bind-one", 3600},
			{s.cookie(s.loginCookie("statestate"), "value", c.now().Add(loginLifetime)), "kube-bind.login-statesta", 600},
			{s.cookie(s.cookieFor(""), "", time.Time{}), "kube-bind", -1},
		} {
			got := tc.cookie
			if got.Secure != (prefix != "") || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Domain != "" ||
				got.Name != prefix+tc.name || got.Path != "/" || got.MaxAge != tc.maxAge {
				t.Errorf("%s: got %+v", origin, got)
			}
		}
	}
}

// SEC-12: a sibling domain, or somebody on the wire, plants a good cookie of their own in a person's browser, to have the person
// go on as them. It can only be one without the prefix, and that is none.
func TestSEC12PlantedCookies(t *testing.T) {
	v, c := newVault(), newClock()
	s := newSignIn(t, v, c, "https://bind.example.com")
	session := cookieOf(t, s, alice(c))
	begun := login{State: random(), Nonce: random(), Verifier: random()}
	value, err := s.sealer.seal(t.Context(), kindLogin, begun, c.now().Add(loginLifetime))
	if err != nil {
		t.Fatal(err)
	}
	underWay := s.cookie(s.loginCookie(begun.State), value, c.now().Add(loginLifetime))
	for _, planted := range []bool{false, true} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, CallbackPath+"?state="+begun.State, nil)
		for _, cookie := range []*http.Cookie{session, underWay} {
			sent := *cookie
			if planted {
				sent.Name = strings.TrimPrefix(sent.Name, "__Host-")
			}
			r.AddCookie(&sent)
		}
		if _, err := s.Session(r, ""); (err != nil) != planted {
			t.Errorf("planted: %v: the session: %v", planted, err)
		}
		if _, err := s.underWay(r); (err != nil) != planted {
			t.Errorf("planted: %v: the login: %v", planted, err)
		}
	}
}

// Whoever makes a browser begin one login after the other does not fill its requests: the oldest are dropped, and nothing else.
func TestAbandonedLoginsAreForgotten(t *testing.T) {
	v, c := newVault(), newClock()
	s := newSignIn(t, v, c, "https://bind.example.com")
	begin := func(n int) []string {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/authorize", nil)
		r.AddCookie(cookieOf(t, s, alice(c)))
		r.AddCookie(cookieOf(t, s, alice(c, func(s *Session) { s.Cluster = "login-x" })))
		for i := range n {
			r.AddCookie(s.cookie(s.loginCookie(fmt.Sprintf("%08d", i)), "value", c.now().Add(loginLifetime)))
		}
		w := httptest.NewRecorder()
		s.forget(w, r)
		var out []string
		for _, cookie := range w.Result().Cookies() {
			if cookie.MaxAge >= 0 || cookie.Path != "/" {
				t.Errorf("got %+v", cookie)
			}
			out = append(out, strings.TrimPrefix(cookie.Name, "__Host-kube-bind.login-"))
		}
		return out
	}
	if got := begin(maxLogins - 1); len(got) != 0 {
		t.Errorf("dropped %v", got)
	}
	if got := begin(maxLogins + 2); !slices.Equal(got, []string{"00000000", "00000001", "00000002"}) {
		t.Errorf("dropped %v", got)
	}
	// All that may be there fits into a request.
	if all := (maxLogins + 2) * maxCookie; all > 60<<10 {
		t.Errorf("a request may have %d bytes of cookies", all)
	}
}

// Cookies of logical clusters are apart, and can be set whatever the names are.
func TestCookieNames(t *testing.T) {
	v, c := newVault(), newClock()
	s, seen := newSignIn(t, v, c, "https://bind.example.com"), map[string]string{}
	for _, cluster := range []string{"", "one", "root:org:ws", "a;b", "a=b", "a b", "ä", "a,b", `a"b`, "\r\nSet-Cookie: x=y", "a%3Bb", "a/b", "root%3Aorg%3Aws"} {
		session := alice(c, func(s *Session) { s.Cluster = cluster })
		cookie := cookieOf(t, s, session)
		if other, found := seen[cookie.Name]; found {
			t.Errorf("%q and %q have the same cookie", cluster, other)
		}
		seen[cookie.Name] = cluster
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/ping", nil)
		r.AddCookie(cookie)
		if got, err := s.Session(r, cluster); err != nil || got.Cluster != cluster {
			t.Errorf("%q: got %+v, %v", cluster, got, err)
		}
	}
}

// Who is in more groups than a cookie can hold is told, and not signed in by a cookie that browsers drop.
func TestTooManyGroups(t *testing.T) {
	v, c := newVault(), newClock()
	s, w := newSignIn(t, v, c, "https://bind.example.com"), httptest.NewRecorder()
	err := s.setSession(t.Context(), w, alice(c, func(s *Session) {
		for range 300 {
			s.Groups = append(s.Groups, "some-group-name")
		}
	}))
	known, ok := errors.AsType[*kubebindv1alpha2.Error](err)
	if !ok || known.Code != kubebindv1alpha2.ErrorCodeAuthorizationFailed || !strings.Contains(known.Message, "301") || len(w.Result().Cookies()) != 0 {
		t.Errorf("got %v, %v", err, w.Result().Cookies())
	}
}

// Who sends a request is who its token or its cookie says, for the logical cluster that it is for, and nobody else.
func TestSession(t *testing.T) {
	v, c := newVault(), newClock()
	s, other := newSignIn(t, v, c, "https://bind.example.com"), newSignIn(t, v, c, "https://bind.example.com")
	inOne := func(s *Session) { s.Cluster = "one" }
	token, cookie := s.tokenOf(t, alice(c)), cookieOf(t, s, alice(c))
	stale := s.tokenOf(t, alice(c, func(s *Session) { s.Expires = c.now().Add(-time.Second) }))
	strangers := newSignIn(t, newVault(), c, "https://bind.example.com").tokenOf(t, alice(c))
	ended := s.tokenOf(t, alice(c, func(s *Session) { s.ID = "2" }))
	if _, err := other.revocations.Revoke(t.Context(), "2", c.now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		authorization string
		cookies       []*http.Cookie
		cluster, code string
	}{
		"a token":                       {"Bearer " + token, nil, "", ""},
		"a token, otherwise written":    {"bearer  " + token + " ", nil, "", ""},
		"a cookie":                      {"", []*http.Cookie{cookie}, "", ""},
		"a cookie of a cluster":         {"", []*http.Cookie{cookieOf(t, s, alice(c, inOne))}, "one", ""},
		"a token of a cluster":          {"Bearer " + s.tokenOf(t, alice(c, inOne)), nil, "one", ""},
		"nothing":                       {"", nil, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"a token for another cluster":   {"Bearer " + token, nil, "one", kubebindv1alpha2.ErrorCodeAuthorizationFailed},
		"a cluster's token for none":    {"Bearer " + s.tokenOf(t, alice(c, inOne)), nil, "", kubebindv1alpha2.ErrorCodeAuthorizationFailed},
		"a cookie under another name":   {"", []*http.Cookie{{Name: "__Host-kube-bind-one", Value: cookie.Value}}, "one", kubebindv1alpha2.ErrorCodeAuthorizationFailed},
		"only another cluster's cookie": {"", []*http.Cookie{cookie}, "one", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"a bad token, a good cookie":    {"Bearer x", []*http.Cookie{cookie}, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"basic, and a good cookie":      {"Basic YTpi", []*http.Cookie{cookie}, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"a token without scheme":        {token, nil, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"a token as a cookie":           {"", []*http.Cookie{{Name: "kube-bind", Value: token}}, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"a cookie as a token":           {"Bearer " + cookie.Value, nil, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"an expired token":              {"Bearer " + stale, nil, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"another backend's token":       {"Bearer " + strangers, nil, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
		"ended at another replica":      {"Bearer " + ended, nil, "", kubebindv1alpha2.ErrorCodeAuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/ping", nil)
			if tc.authorization != "" {
				r.Header.Set("Authorization", tc.authorization)
			}
			for _, cookie := range tc.cookies {
				r.AddCookie(cookie)
			}
			session, err := s.Session(r, tc.cluster)
			known, _ := errors.AsType[*kubebindv1alpha2.Error](err)
			switch {
			case tc.code == "" && (err != nil || session.Username != "alice" || session.Cluster != tc.cluster || session.Requester() != "https://idp.example.com#alice"):
				t.Errorf("got %+v, %v", session, err)
			case tc.code != "" && (known == nil || known.Code != tc.code || session != nil):
				t.Errorf("got %+v, %v, want %s", session, err, tc.code)
			}
		})
	}
}

// An API server that is away is no reason to believe in sessions, nor one to end them.
func TestSessionWithoutServer(t *testing.T) {
	v, c := newVault(), newClock()
	s := newSignIn(t, v, c, "https://bind.example.com")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/ping", nil)
	r.Header.Set("Authorization", "Bearer "+s.tokenOf(t, alice(c)))
	away := errors.New("away")
	v.fail(away)
	c.pass(revocationsMaxAge)
	if _, err := s.Session(r, ""); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	v.fail(nil)
	if _, err := s.Session(r, ""); err != nil {
		t.Error(err)
	}
}
