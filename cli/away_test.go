// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// commands are those that ask the server.
func commands(url string) []string {
	return []string{"login " + url, "templates", "collections", "--template cowboys --yes --cluster-identity me", "apiservice --template-name cowboys --yes --cluster-identity me"}
}

// Whatever is wrong with the server, each command says what, and what to do next, with its exit code and nothing on stdout.
func TestServerIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		code   int
		words  []string
	}{
		{"a page", page(http.StatusOK), ExitUnreachable, []string{"does not answer as a kube-bind server: 200 OK", "Is its URL right?"}},
		{"not found", page(http.StatusNotFound), ExitUnreachable, []string{"404 Not Found", "Is its URL right?"}},
		{"broken", page(http.StatusInternalServerError), ExitUnreachable, []string{"500 Internal Server Error", "tell the provider's administrator"}},
		{"behind a proxy", page(http.StatusBadGateway), ExitUnreachable, []string{"502 Bad Gateway", "down behind a proxy"}},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sso.example.com/", http.StatusFound)
		}, ExitUnreachable, []string{"it sends to https://sso.example.com/", "Perhaps it is the one that it sends to"}},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
		}, ExitUnreachable, []string{"reading its answer: unexpected EOF", "is it up?"}},
		{"an expired session", refuses(401, kubebindv1alpha2.ErrorCodeAuthenticationFailed, "sign in again"), ExitSignIn, []string{"the server says: sign in again", "Run: kubectl bind login http://127.0.0.1:"}},
		{"no right", refuses(403, kubebindv1alpha2.ErrorCodeAuthorizationFailed, "not yours"), ExitRefused, []string{"not yours", "Ask the provider's administrator", "kubectl bind templates"}},
		{"not there", refuses(404, kubebindv1alpha2.ErrorCodeResourceNotFound, "no such thing"), ExitRefused, []string{"no such thing", "kubectl bind templates"}},
		{"not understood", refuses(400, kubebindv1alpha2.ErrorCodeBadRequest, "what?"), ExitRefused, []string{"what?", "kubectl bind version"}},
		{"its cluster is away", refuses(503, kubebindv1alpha2.ErrorCodeClusterConnectionFailed, "try again"), ExitUnreachable, []string{"Run the command again in a minute"}},
		{"a bug", refuses(500, kubebindv1alpha2.ErrorCodeInternal, "oops"), ExitFailed, []string{"oops", "provider's administrator"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(tc.answer))
			t.Cleanup(server.Close)
			for _, command := range commands(server.URL) {
				t.Run(command, func(t *testing.T) {
					newTerminal(t, server.URL).run(t.Context(), strings.Fields(command)...).wants(t, tc.code, tc.words...)
				})
			}
		})
	}
}

func TestServerIsAway(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, command := range commands(gone.URL) {
		t.Run(command, func(t *testing.T) {
			newTerminal(t, gone.URL).run(t.Context(), strings.Fields(command)...).wants(t, ExitUnreachable, "cannot be reached", "connection refused", "is it up?")
		})
	}
	t.Run("no such name", func(t *testing.T) {
		newTerminal(t, "http://bind.invalid").run(t.Context(), "templates").wants(t, ExitUnreachable, "http://bind.invalid cannot be reached", "Is its name right?")
	})
}

func TestServerIsSlow(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// Whoever goes away is only seen to once the body has been read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	for _, command := range append(commands(slow.URL), "logout") {
		t.Run(command, func(t *testing.T) {
			args := append(strings.Fields(command), "--request-timeout", "100ms")
			newTerminal(t, slow.URL).run(t.Context(), args...).wants(t, ExitTimeout, "it does not answer in time")
		})
	}
	t.Run("the whole command", func(t *testing.T) {
		got := newTerminal(t, slow.URL).run(t.Context(), "--template", "cowboys", "--yes", "--cluster-identity", "me", "--timeout", "100ms")
		got.wants(t, ExitTimeout, "it does not answer in time", "Run the command again")
	})
	t.Run("no time", func(t *testing.T) {
		newTerminal(t, slow.URL).run(t.Context(), "templates", "--request-timeout", "soon").wants(t, ExitUsage, `"soon": must be a time`)
	})
}

// A server that nobody vouches for gets neither a token nor anything else, unless somebody says so.
func TestServerIsNotTrusted(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = true
		refuses(401, kubebindv1alpha2.ErrorCodeAuthenticationFailed, "who is it?")(w, r)
	}))
	t.Cleanup(server.Close)
	for _, command := range commands(server.URL) {
		newTerminal(t, server.URL).run(t.Context(), strings.Fields(command)...).wants(t, ExitUnreachable, "certificate signed by unknown authority", "SSL_CERT_FILE", "--insecure-skip-tls-verify")
	}
	if asked {
		t.Error("it was asked all the same")
	}
	newTerminal(t, server.URL).run(t.Context(), "templates", "--insecure-skip-tls-verify").wants(t, ExitSignIn, "who is it?")
	if !asked {
		t.Error("it was not asked")
	}

	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	url := strings.Replace(plain.URL, "http://", "https://", 1)
	newTerminal(t, url).run(t.Context(), "templates").wants(t, ExitUnreachable, "server gave HTTP response to HTTPS client", "use http://")
}

// A token that has expired is not sent.
func TestSignInHasExpired(t *testing.T) {
	w := newTerminal(t, "")
	w.signIn(t, &server{URL: "http://bind.invalid", Cluster: "root:a", AccessToken: "secret-token", ExpiresAt: time.Now()})
	w.run(t.Context(), "templates").wants(t, ExitSignIn, "has expired", "Run: kubectl bind login http://bind.invalid --cluster root:a")
}

// Signing out works whatever the server says: the token is forgotten.
func TestLogout(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		code   int
		words  string
	}{
		"done":          {func(http.ResponseWriter, *http.Request) {}, ExitOK, "Signed out of"},
		"ended already": {refuses(401, kubebindv1alpha2.ErrorCodeAuthenticationFailed, "sign in"), ExitOK, "Signed out of"},
		"broken":        {page(502), ExitUnreachable, "the token is forgotten here"},
	} {
		t.Run(name, func(t *testing.T) {
			server := door(t, map[string]any{"POST /api/logout": tc.answer})
			w := newTerminal(t, server.URL)
			w.run(t.Context(), "logout").wants(t, tc.code, tc.words)
			file, err := loadConfig(w.config)
			if err != nil || len(file.Servers) > 0 || file.Current != "" {
				t.Errorf("the config file has %+v, %v", file, err)
			}
		})
	}
}
