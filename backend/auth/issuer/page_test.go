// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestPages looks at every kind of answer: its headers, and if it is a page, what is on it.
func TestPages(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	form := b.get(w.begin(newAttempt(), nil))
	for name, tc := range map[string]struct {
		got    answer
		status int
		isPage bool
	}{
		"form":              {form, http.StatusOK, true},
		"wrong password":    {b.fillIn(form, alice, "wrong"), http.StatusForbidden, true},
		"another's form":    {newBrowser(t).get(form.at.String()), http.StatusBadRequest, true},
		"no request":        {b.get(w.url + "/authorize"), http.StatusBadRequest, true},
		"no page":           {b.get(w.url + "/nothing"), http.StatusNotFound, true},
		"the issuer itself": {b.get(w.url), http.StatusNotFound, true},
		"below it":          {b.get(w.url + "/"), http.StatusNotFound, true},
		"not ours":          {b.get(strings.TrimSuffix(w.url, "/oidc") + "/"), http.StatusNotFound, true},
		"a library's page":  {b.get(w.url + "/introspect"), http.StatusNotFound, true},
		"its token page":    {b.get(w.url + "/oauth/token"), http.StatusNotFound, true},
		"token by GET":      {b.get(w.url + "/token"), http.StatusNotFound, true},
		"form by PUT":       {b.do(http.MethodPut, w.url+"/sign-in", url.Values{}), http.StatusNotFound, true},
		"broken query":      {b.get(w.url + "/sign-in?id=%zz"), http.StatusBadRequest, true},
		"long form":         {b.do(http.MethodPost, w.url+"/sign-in", url.Values{"name": {strings.Repeat("x", 17<<10)}}), http.StatusBadRequest, true},
		"long query":        {b.get(w.url + "/sign-in?id=" + strings.Repeat("x", 17<<10)), http.StatusRequestURITooLong, true},
		"style":             {b.get(w.url + "/style.css"), http.StatusOK, false},
		"discovery":         {b.get(w.url + "/.well-known/openid-configuration"), http.StatusOK, false},
		"keys":              {b.get(w.url + "/keys"), http.StatusOK, false},
		"userinfo":          {b.get(w.url + "/userinfo"), http.StatusUnauthorized, false},
		"token":             {b.do(http.MethodPost, w.url+"/token", url.Values{}), http.StatusBadRequest, false},
		"back at client":    {b.get(w.begin(newAttempt(), map[string]string{"prompt": "none"})), http.StatusFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.got.status != tc.status {
				t.Errorf("got %d, want %d", tc.got.status, tc.status)
			}
			for header, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self' http://backend.example.org:8080 http://127.0.0.1:* http://localhost:*; " +
					"frame-ancestors 'none'; base-uri 'none'",
				"Cache-Control":               "no-store",
				"Referrer-Policy":             "no-referrer",
				"X-Content-Type-Options":      "nosniff",
				"Access-Control-Allow-Origin": "",
			} {
				if got := tc.got.header.Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
			if tc.isPage && (!strings.Contains(tc.got.body, notice) || !strings.Contains(tc.got.body, "must never be used in production")) {
				t.Errorf("the page does not say what it is:\n%s", tc.got.body)
			}
			if strings.Contains(tc.got.body, "<script") || strings.Contains(tc.got.body, " style=") {
				t.Errorf("the page has what its policy forbids:\n%s", tc.got.body)
			}
		})
	}
}

func TestForm(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	got := b.get(w.begin(newAttempt(), nil))
	for what, want := range map[string]string{
		"label of the name":     `<label for="name">[^<]+</label>\s*<input id="name" name="name" [^>]*autofocus`,
		"label of the password": `<label for="password">[^<]+</label>\s*<input id="password" name="password" type="password"`,
		"alice":                 `<code>alice</code> with the password <code>alice-dev-only</code>, in engineering`,
		"bob":                   `<code>bob</code> with the password <code>bob-dev-only</code>, in devops`,
		"width of phones":       `<meta name="viewport" content="width=device-width`,
	} {
		if !regexp.MustCompile(want).MatchString(got.body) {
			t.Errorf("%s: there is no %s in\n%s", what, want, got.body)
		}
	}
	hinted := b.get(w.begin(newAttempt(), map[string]string{"login_hint": alice}))
	if !regexp.MustCompile(`name="name" value="alice"`).MatchString(hinted.body) || !regexp.MustCompile(`type="password" [^>]*autofocus`).MatchString(hinted.body) {
		t.Errorf("the name that the client knows is not there, or has to be typed first:\n%s", hinted.body)
	}
}

// TestFormIsEscaped types in what would be another page.
func TestFormIsEscaped(t *testing.T) {
	w, b := newWorld(t), newBrowser(t)
	const evil = `"><script>alert(1)</script>`
	for _, got := range []answer{
		b.fillIn(b.get(w.begin(newAttempt(), nil)), evil, "x"),
		b.get(w.begin(newAttempt(), map[string]string{"login_hint": evil})),
	} {
		if strings.Contains(got.body, "<script") || !strings.Contains(got.body, "&lt;script&gt;") {
			t.Errorf("got\n%s", got.body)
		}
	}
}
