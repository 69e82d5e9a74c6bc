// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// TestNotForThisClient is about requests that must not lead to any other place.
func TestNotForThisClient(t *testing.T) {
	w := newWorld(t)
	for name, changes := range map[string]map[string]string{
		"another redirect URI":            {"redirect_uri": "https://evil.example.org/"},
		"no redirect URI":                 {"redirect_uri": ""},
		"something below it":              {"redirect_uri": callback + "&more=1"},
		"the same, written differently":   {"redirect_uri": strings.Replace(callback, "callback", "c%61llback", 1)},
		"the same, encoded as a whole":    {"redirect_uri": url.QueryEscape(callback)},
		"another redirect URI, no PKCE":   {"redirect_uri": "https://evil.example.org/", "code_challenge": ""},
		"another client":                  {"client_id": "other"},
		"no client":                       {"client_id": ""},
		"not to be understood":            {"max_age": "long"},
		"another redirect URI, silently":  {"redirect_uri": "https://evil.example.org/", "prompt": "none"},
		"another redirect URI, no scopes": {"redirect_uri": "https://evil.example.org/", "scope": ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := newBrowser(t).get(w.in(t).begin(newAttempt(), changes))
			if got.status != http.StatusBadRequest || got.header.Get("Location") != "" || len(got.header.Values("Set-Cookie")) > 0 {
				t.Errorf("got %d, to %q:\n%s", got.status, got.header.Get("Location"), got.body)
			}
			if !strings.Contains(got.body, notice) {
				t.Errorf("the page does not say what it is:\n%s", got.body)
			}
		})
	}
}

// TestClientIsTold is about requests that the client has to mend.
func TestClientIsTold(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"no PKCE":              {map[string]string{"code_challenge": "", "code_challenge_method": ""}, "invalid_request"},
		"no challenge":         {map[string]string{"code_challenge": ""}, "invalid_request"},
		"PKCE without hash":    {map[string]string{"code_challenge_method": "plain"}, "invalid_request"},
		"PKCE, plain as usual": {map[string]string{"code_challenge_method": ""}, "invalid_request"},
		"not OpenID":           {map[string]string{"scope": "email groups"}, "invalid_scope"},
		"no scope":             {map[string]string{"scope": ""}, "invalid_request"},
		"without the form":     {map[string]string{"prompt": "none"}, "login_required"},
		"no response type":     {map[string]string{"response_type": ""}, "invalid_request"},
		"implicit":             {map[string]string{"response_type": "id_token"}, "unauthorized_client"},
		"hybrid":               {map[string]string{"response_type": "code id_token"}, "unauthorized_client"},
		"a page with a form":   {map[string]string{"response_mode": "form_post"}, "invalid_request"},
		"a signed request":     {map[string]string{"request": "e30.e30.e30"}, "request_not_supported"},
	} {
		t.Run(name, func(t *testing.T) {
			got := newBrowser(t).get(w.in(t).begin(newAttempt(), tc.changes))
			query := got.at.Query()
			if fragment, err := url.ParseQuery(got.at.Fragment); err == nil && query.Get("error") == "" {
				query = fragment
			}
			if got.at.Hostname() != "backend.example.org" || query.Get("error") != tc.want || query.Get("state") != "state-of-client" {
				t.Errorf("got %d to %s, want the client told %s", got.status, got.at, tc.want)
			}
		})
	}
}

// TestPostedRequest begins a sign-in the other way that OpenID allows.
func TestPostedRequest(t *testing.T) {
	w, a, b := newWorld(t), newAttempt(), newBrowser(t)
	u, err := url.Parse(w.begin(a, nil))
	if err != nil {
		t.Fatal(err)
	}
	page := b.do(http.MethodPost, w.url+"/authorize", u.Query())
	if _, err := w.exchange(a, w.code(b.fillIn(page, alice, alicesPassword), a.state)); err != nil {
		t.Error(err)
	}
}

func TestExchange(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct {
		client func(c *oauth2.Config)
		// verifier is sent instead of the right one, and if it is "none", there is none.
		verifier string
		late     time.Duration
		want     string
	}{
		"in time":              {late: 59 * time.Second},
		"secret in the body":   {client: func(c *oauth2.Config) { c.Endpoint.AuthStyle = oauth2.AuthStyleInParams }},
		"too late":             {late: time.Minute, want: "invalid_grant"},
		"another verifier":     {verifier: oauth2.GenerateVerifier(), want: "invalid_grant"},
		"no verifier":          {verifier: "none", want: "invalid_request"},
		"wrong secret":         {client: func(c *oauth2.Config) { c.ClientSecret = "wrong" }, want: "invalid_client"},
		"no secret":            {client: func(c *oauth2.Config) { c.ClientSecret = "" }, want: "invalid_client"},
		"another client":       {client: func(c *oauth2.Config) { c.ClientID = "other" }, want: "invalid_client"},
		"another redirect URI": {client: func(c *oauth2.Config) { c.RedirectURL += "&more=1" }, want: "invalid_grant"},
		"no redirect URI":      {client: func(c *oauth2.Config) { c.RedirectURL = "" }, want: "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := w.in(t), newAttempt()
			code := w.signIn(a)
			w.clock.pass(tc.late)
			if tc.client != nil {
				tc.client(&w.client)
			}
			options := []oauth2.AuthCodeOption{oauth2.VerifierOption(a.verifier)}
			switch tc.verifier {
			case "":
			case "none":
				options = nil
			default:
				options = []oauth2.AuthCodeOption{oauth2.VerifierOption(tc.verifier)}
			}
			_, err := w.client.Exchange(t.Context(), code, options...)
			if got := errorCode(err); got != tc.want {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}

// errorCode is what the token endpoint said.
func errorCode(err error) string {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return refused.ErrorCode
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestCodeIsForOneUse uses one several times at once, and once more.
func TestCodeIsForOneUse(t *testing.T) {
	w, a := newWorld(t), newAttempt()
	code := w.signIn(a)
	results := make(chan string, 8)
	var uses sync.WaitGroup
	for range cap(results) {
		uses.Go(func() {
			_, err := w.exchange(a, code)
			results <- errorCode(err)
		})
	}
	uses.Wait()
	close(results)
	got := map[string]int{}
	for result := range results {
		got[result]++
	}
	if got[""] != 1 || got["invalid_grant"] != cap(results)-1 {
		t.Errorf("got %v, want one success", got)
	}
	if _, err := w.exchange(a, code); errorCode(err) != "invalid_grant" {
		t.Errorf("got %v", err)
	}
}

// TestTokenEndpoint is about what no client of this issuer sends.
func TestTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	secret := url.Values{"client_id": {clientID}, "client_secret": {clientSecret}}
	grant := func(kind string) url.Values {
		return url.Values{"grant_type": {kind}, "client_id": {clientID}, "client_secret": {clientSecret}}
	}
	for name, tc := range map[string]struct {
		query, body url.Values
		status      int
		want        string
	}{
		"no grant":           {nil, secret, http.StatusBadRequest, "unsupported_grant_type"},
		"refresh token":      {nil, grant("refresh_token"), http.StatusBadRequest, "unsupported_grant_type"},
		"client credentials": {nil, grant("client_credentials"), http.StatusBadRequest, "unsupported_grant_type"},
		"signed assertion":   {nil, grant("urn:ietf:params:oauth:grant-type:jwt-bearer"), http.StatusBadRequest, "unsupported_grant_type"},
		"no code":            {nil, grant("authorization_code"), http.StatusBadRequest, "invalid_request"},
		"all in the query":   {grant("authorization_code"), url.Values{}, http.StatusBadRequest, "unsupported_grant_type"},
		"too long":           {nil, url.Values{"code": {strings.Repeat("x", 17<<10)}}, http.StatusBadRequest, notice},
		"query too long":     {url.Values{"code": {strings.Repeat("x", 17<<10)}}, secret, http.StatusRequestURITooLong, notice},
	} {
		t.Run(name, func(t *testing.T) {
			got := newBrowser(t).do(http.MethodPost, w.url+"/token?"+tc.query.Encode(), tc.body)
			if got.status != tc.status || !strings.Contains(got.body, tc.want) {
				t.Errorf("got %d, want %d with %s:\n%s", got.status, tc.status, tc.want, got.body)
			}
		})
	}
	if got := newBrowser(t).do(http.MethodPost, w.url+"/token", nil); got.status != http.StatusBadRequest {
		t.Errorf("got %d for nothing at all", got.status)
	}
}
