// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"kube-bind.io/kube-bind/backend/auth/issuer"
)

const (
	clientID     = "kube-bind"
	clientSecret = "a secret: with = signs & more"
	// callback is where nobody listens: browsers of these tests stop before it.
	callback = "http://backend.example.org:8080/api/callback?of=dev"

	alice, alicesPassword = "alice", "alice-dev-only"
)

// clock is a time that tests can move.
type clock struct {
	lock  sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) pass(d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.ahead += d
}

// world is an issuer with its client.
type world struct {
	*testing.T

	clock    *clock
	url      string
	client   oauth2.Config
	verifier *oidc.IDTokenVerifier
	provider *oidc.Provider
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	w := &world{T: t, clock: &clock{}, url: "http://" + server.Listener.Addr().String() + "/oidc"}
	handler, err := issuer.New(issuer.Options{
		URL: w.url, ClientID: clientID, ClientSecret: clientSecret, RedirectURI: callback, Now: w.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	if w.provider, err = oidc.NewProvider(t.Context(), w.url); err != nil {
		t.Fatal(err)
	}
	w.verifier = w.provider.Verifier(&oidc.Config{ClientID: clientID})
	endpoint := w.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // to find out, it would try twice, and the code is gone then
	w.client = oauth2.Config{
		ClientID: clientID, ClientSecret: clientSecret, RedirectURL: callback,
		Endpoint: endpoint, Scopes: []string{"openid", "profile", "email", "groups", "offline_access"},
	}
	return w
}

// in is the same world for a part of the test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.T = t
	return &part
}

// attempt is one sign-in, as the client sees it.
type attempt struct {
	state, nonce, verifier string
}

// begin returns the address that a client sends its user to. Changes replace what is in it, or with an empty value
// remove it.
func (w *world) begin(a attempt, changes map[string]string) string {
	w.Helper()
	u, err := url.Parse(w.client.AuthCodeURL(a.state, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)))
	if err != nil {
		w.Fatal(err)
	}
	query := u.Query()
	for key, value := range changes {
		query.Set(key, value)
		if value == "" {
			query.Del(key)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func newAttempt() attempt {
	return attempt{state: "state-of-client", nonce: "nonce-of-client", verifier: oauth2.GenerateVerifier()}
}

// answer is what a browser got in the end.
type answer struct {
	status int
	header http.Header
	body   string
	// at is the address of the page, or of the redirect to the client that was not followed.
	at *url.URL
}

// browser keeps cookies, and stops where the issuer ends.
type browser struct {
	*testing.T
	http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{T: t, Client: http.Client{Jar: jar, CheckRedirect: func(to *http.Request, _ []*http.Request) error {
		if to.URL.Hostname() != "127.0.0.1" {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func (b *browser) do(method, address string, form url.Values) answer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: string(body), at: response.Request.URL}
	if to, err := response.Location(); err == nil {
		a.at = to
	}
	return a
}

func (b *browser) get(address string) answer {
	b.Helper()
	return b.do(http.MethodGet, address, nil)
}

// fillIn sends the form on a page back.
func (b *browser) fillIn(page answer, name, password string) answer {
	b.Helper()
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page.body)
	action := regexp.MustCompile(`<form method="post" action="([^"]+)"`).FindStringSubmatch(page.body)
	if id == nil || action == nil {
		b.Fatalf("there is no form on the page at %s:\n%s", page.at, page.body)
	}
	to, err := page.at.Parse(action[1])
	if err != nil {
		b.Fatal(err)
	}
	return b.do(http.MethodPost, to.String(), url.Values{"id": {id[1]}, "name": {name}, "password": {password}})
}

// code returns the code in an answer that leads back to the client.
func (w *world) code(a answer, state string) string {
	w.Helper()
	want, err := url.Parse(callback)
	if err != nil {
		w.Fatal(err)
	}
	query := a.at.Query()
	if a.status != http.StatusSeeOther || a.at.Host != want.Host || a.at.Path != want.Path || query.Get("of") != "dev" || query.Get("state") != state {
		w.Fatalf("got %d to %s, want to be back at the client with its state:\n%s", a.status, a.at, a.body)
	}
	if query.Get("code") == "" {
		w.Fatalf("there is no code in %s", a.at)
	}
	return query.Get("code")
}

// signIn has alice sign in, in a browser of her own, and returns the code.
func (w *world) signIn(a attempt) string {
	w.Helper()
	b := newBrowser(w.T)
	return w.code(b.fillIn(b.get(w.begin(a, nil)), alice, alicesPassword), a.state)
}

// exchange is what the client does with a code.
func (w *world) exchange(a attempt, code string) (*oauth2.Token, error) {
	return w.client.Exchange(w.Context(), code, oauth2.VerifierOption(a.verifier))
}
