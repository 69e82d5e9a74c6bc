// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kube-bind.io/kube-bind/backend/auth/issuer"
)

const (
	// notice is on every page.
	notice = "For development only."
	// gone is on the page of a request that is not there, for this browser.
	gone = "This sign-in is over"
)

func TestWrongPassword(t *testing.T) {
	w, a, b := newWorld(t), newAttempt(), newBrowser(t)
	first := b.get(w.begin(a, nil))
	var texts []string
	for _, tc := range []struct{ name, password string }{
		{alice, "wrong"},
		{"alicf", alicesPassword},
		{"bobby", "wrong"},
		{alice, "bob-dev-only"},
		{alice, ""},
		{"", alicesPassword},
		{"", ""},
		{alice, alicesPassword + " "},
		{"Alice", alicesPassword},
	} {
		got := b.fillIn(first, tc.name, tc.password)
		if got.status != http.StatusForbidden || !strings.Contains(got.body, `name="name" value="`+tc.name+`"`) {
			t.Errorf("%q with %q: got %d\n%s", tc.name, tc.password, got.status, got.body)
		}
		if tc.password != "" && strings.Contains(got.body, `value="`+tc.password) {
			t.Error("the password is on the page")
		}
		// All that may differ is what was typed, and with it which field has to be filled in.
		text := strings.Replace(got.body, `value="`+tc.name+`"`, "", 1)
		texts = append(texts, strings.ReplaceAll(text, " autofocus", ""))
	}
	for _, text := range texts {
		if text != texts[0] || !strings.Contains(text, "The name or the password is wrong.") {
			t.Errorf("this tells more, or less, than the first:\n%s", text)
		}
	}
	if _, err := w.exchange(a, w.code(b.fillIn(first, alice, alicesPassword), a.state)); err != nil {
		t.Errorf("after all that, the right one: %v", err)
	}
}

// TestOtherBrowser opens a form in one browser, and tries to see and to finish it in another.
func TestOtherBrowser(t *testing.T) {
	w, a := newWorld(t), newAttempt()
	own, without, with := newBrowser(t), newBrowser(t), newBrowser(t)
	page := own.get(w.begin(a, nil))
	with.get(w.begin(newAttempt(), nil))
	for name, other := range map[string]*browser{"without cookie": without, "with a cookie of its own": with} {
		t.Run(name, func(t *testing.T) {
			if got := other.get(page.at.String()); got.status != http.StatusBadRequest || !strings.Contains(got.body, gone) {
				t.Errorf("got %d:\n%s", got.status, got.body)
			}
			if got := other.fillIn(page, alice, alicesPassword); got.status != http.StatusBadRequest || !strings.Contains(got.body, gone) {
				t.Errorf("got %d to %s:\n%s", got.status, got.at, got.body)
			}
		})
	}
	t.Run("with the right name and another value", func(t *testing.T) {
		cookies := own.Jar.Cookies(page.at)
		cookies[0].Value = "forged"
		without.Jar.SetCookies(page.at, cookies)
		if got := without.fillIn(page, alice, alicesPassword); got.status != http.StatusBadRequest || !strings.Contains(got.body, gone) {
			t.Errorf("got %d to %s:\n%s", got.status, got.at, got.body)
		}
	})
	if _, err := w.exchange(a, w.code(own.fillIn(page, alice, alicesPassword), a.state)); err != nil {
		t.Errorf("after all that, in the right browser: %v", err)
	}
}

func TestCookie(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := newAttempt()
	begun := b.get(w.begin(a, nil))
	cookie, err := http.ParseSetCookie(begun.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/oidc" || cookie.MaxAge != 600 {
		t.Errorf("got %s", cookie)
	}
	if strings.Contains(cookie.Name, begun.at.Query().Get("id")) {
		t.Errorf("the name %s tells what the form is bound to", cookie.Name)
	}
	w.code(b.fillIn(b.get(begun.at.String()), alice, alicesPassword), a.state)
	if left := b.Jar.Cookies(begun.at); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestTwoTabs(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	first, second := newAttempt(), newAttempt()
	one, two := b.get(w.begin(first, nil)), b.get(w.begin(second, nil))
	for _, tab := range []struct {
		attempt
		page answer
	}{{first, one}, {second, two}} {
		if _, err := w.exchange(tab.attempt, w.code(b.fillIn(tab.page, alice, alicesPassword), tab.state)); err != nil {
			t.Error(err)
		}
	}
}

// TestFormIsForOneUse sends a form twice, from a browser that does not forget its cookie: the answers may cross.
func TestFormIsForOneUse(t *testing.T) {
	w, a, b := newWorld(t), newAttempt(), newBrowser(t)
	page := b.get(w.begin(a, nil))
	cookies := b.Jar.Cookies(page.at)
	w.code(b.fillIn(page, alice, alicesPassword), a.state)
	b.Jar.SetCookies(page.at, cookies)
	if got := b.fillIn(page, alice, alicesPassword); got.status != http.StatusBadRequest || !strings.Contains(got.body, gone) {
		t.Errorf("got %d to %s:\n%s", got.status, got.at, got.body)
	}
}

func TestExpired(t *testing.T) {
	w, a, b := newWorld(t), newAttempt(), newBrowser(t)
	page := b.get(w.begin(a, nil))
	w.clock.pass(9*time.Minute + 50*time.Second)
	if got := b.get(page.at.String()); got.status != http.StatusOK {
		t.Fatalf("got %d before it expired", got.status)
	}
	w.clock.pass(10 * time.Second)
	for name, got := range map[string]answer{"form": b.get(page.at.String()), "filled in": b.fillIn(page, alice, alicesPassword)} {
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, gone) {
			t.Errorf("%s: got %d:\n%s", name, got.status, got.body)
		}
	}
}

// TestCookieOfHTTPS looks at the cookie of an issuer that is reached by https, as through a proxy.
func TestCookieOfHTTPS(t *testing.T) {
	w := newWorld(t)
	secure, err := issuer.New(issuer.Options{
		URL: "https://dev.example.org/oidc", ClientID: clientID, ClientSecret: clientSecret, RedirectURI: callback,
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	secure.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, w.begin(newAttempt(), nil), nil))
	cookie, err := http.ParseSetCookie(answer.Header().Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if !cookie.Secure {
		t.Errorf("got %s", cookie)
	}
}
