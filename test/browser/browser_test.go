// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newBrowser(t *testing.T, server *httptest.Server) *Browser {
	t.Helper()
	b, err := New(server.Client().Transport)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSignInAtTheClient begins at the client, which has a cookie of its own, and whose provider asks for name and
// password on two pages.
func TestSignInAtTheClient(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "flow", Value: "17", Path: "/"})
		http.Redirect(w, r, "/authorize?redirect_uri="+url.QueryEscape("http://"+r.Host+"/callback"), http.StatusFound)
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("flow"); err != nil || cookie.Value != "17" {
			t.Errorf("the cookie did not come back: %v", err)
		}
		fmt.Fprint(w, `<form action="password?step=1"><input name=login><button name=next value=go></button></form>`)
	})
	mux.HandleFunc("GET /password", func(w http.ResponseWriter, r *http.Request) {
		if want := (url.Values{"login": {""}, "next": {"go"}}); !cmp.Equal(r.URL.Query(), want) {
			t.Errorf("the first form was sent with %v, want %v", r.URL.Query(), want)
		}
		fmt.Fprint(w, `<form method=post><input type=password name=secret></form>`)
	})
	mux.HandleFunc("POST /password", func(w http.ResponseWriter, r *http.Request) {
		if got := r.PostFormValue("secret"); got != "open sesame" {
			t.Errorf("the password was sent as %q", got)
		}
		http.Redirect(w, r, "/callback?code=x", http.StatusSeeOther)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	b := newBrowser(t, server)
	at, err := b.SignIn(t.Context(), server.URL+"/login", server.URL+"/callback", "alice", "open sesame")
	if err != nil {
		t.Fatal(err)
	}
	if at.RequestURI() != "/callback?code=x" {
		t.Errorf("the sign-in ended at %s", at)
	}
	if b.CheckRedirect != nil {
		t.Error("the browser follows other redirects than before")
	}
}

func TestSignInFails(t *testing.T) {
	for name, c := range map[string]struct {
		page func(w http.ResponseWriter, r *http.Request)
		want string
	}{
		"error page": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, "<h1>Bad\n Request</h1><style>h1 {}</style><script>1</script>")
			},
			"/page answered 400 Bad Request: Bad Request",
		},
		"page without a form": {
			func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<p>Try another browser.</p>") },
			"/page has no form: Try another browser.",
		},
		"circle": {
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/page", http.StatusFound) },
			"round in circles",
		},
		"forms without end": {
			func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<form></form>") },
			"forms without end",
		},
		"password asked again": {
			func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, "<form><input type=password name=p></form>Wrong.")
			},
			ErrRefused.Error() + ": Wrong.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(c.page))
			defer server.Close()
			_, err := newBrowser(t, server).SignIn(t.Context(), server.URL+"/page", "http://elsewhere/", "alice", "guessed")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "signing in alice") {
				t.Errorf("SignIn returned %v, want an error about alice with %q", err, c.want)
			}
		})
	}
}

func TestSignInEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.SignIn(ctx, "http://127.0.0.1:1/", "http://elsewhere/", "alice", "secret"); !errors.Is(err, context.Canceled) {
		t.Errorf("SignIn returned %v, want %v", err, context.Canceled)
	}
}

func TestForms(t *testing.T) {
	page, err := url.Parse("http://example.org/realm/login?x=1")
	if err != nil {
		t.Fatal(err)
	}
	type sent struct {
		Action, Method string
		Values         url.Values
	}
	for name, c := range map[string]struct {
		content string
		want    []sent
	}{
		"no form": {`<p>Hello</p>`, nil},
		"no action": {
			`<form></form>`,
			[]sent{{"http://example.org/realm/login?x=1", "", url.Values{}}},
		},
		"relative action": {
			`<form action="next?y=2&amp;z=3" method="post"></form>`,
			[]sent{{"http://example.org/realm/next?y=2&z=3", "POST", url.Values{}}},
		},
		"inputs": {
			`<form action="/a"><div><input type=hidden name=h value="1 &lt; 2"><input name=n value=x><input type=password name=p></div></form>`,
			[]sent{{"http://example.org/a", "", url.Values{"h": {"1 < 2"}, "n": {"alice"}, "p": {"secret"}}}},
		},
		"what is not sent": {
			`<form><input name=d disabled><input type=checkbox name=c><input type=radio name=r value=1><input type=reset name=x>` +
				`<input type=file name=f><input value=nameless><button type=button name=b>B</button></form>`,
			[]sent{{"http://example.org/realm/login?x=1", "", url.Values{}}},
		},
		"choices": {
			`<form><input type=checkbox name=c checked><input type=radio name=r value=1><input type=radio name=r value=2 checked></form>`,
			[]sent{{"http://example.org/realm/login?x=1", "", url.Values{"c": {"on"}, "r": {"2"}}}},
		},
		"the first button": {
			`<form><button name=a value=yes>Yes</button><input type=submit name=a value=no></form>`,
			[]sent{{"http://example.org/realm/login?x=1", "", url.Values{"a": {"yes"}}}},
		},
		"the first button has no name": {
			`<form><button>Yes</button><button name=a value=no>No</button></form><form action=/b></form>`,
			[]sent{{"http://example.org/realm/login?x=1", "", url.Values{}}, {"http://example.org/b", "", url.Values{}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			forms, _, err := parsePage(page, []byte(c.content))
			if err != nil {
				t.Fatal(err)
			}
			var got []sent
			for _, f := range forms {
				if f.passwordField != "" {
					f.fill("alice", "secret")
				}
				got = append(got, sent{f.action.String(), f.method, f.values})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the forms differ (-want +got):\n%s", diff)
			}
		})
	}
}
