// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/browser"
)

// reaction is what a server said.
type reaction struct {
	status int
	header http.Header
	body   string
}

// refusal is the Error that it said.
func (a reaction) refusal() (out kubebindv1alpha2.Error) {
	_ = json.Unmarshal([]byte(a.body), &out)
	return out
}

// visitor is somebody at a browser.
type visitor struct {
	*door
	*browser.Browser
}

func (d *door) visitor() visitor {
	d.t.Helper()
	b, err := browser.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return visitor{d, b}
}

// send sends a request with the visitor's cookies, and follows no redirect. A path begins with a slash; body may be nil.
func (v visitor) send(method, path string, header map[string]string, body []byte) reaction {
	v.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = v.origin + path
	}
	request, err := http.NewRequestWithContext(v.t.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	walker := *v.Client
	walker.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := walker.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return reaction{response.StatusCode, response.Header, string(raw)}
}

// refused wants an Error, and no cookie and no place to go to beside it.
func (v visitor) refused(what string, got reaction, status int, code string) string {
	v.t.Helper()
	e := got.refusal()
	if e.Code != code || e.Kind != kubebindv1alpha2.ErrorKind || e.Message == "" {
		v.t.Errorf("%s: got %s", what, got.body)
	}
	v.turnedAway(what, got, status)
	return e.Error()
}

// turnedAway wants a status, and neither a cookie nor a place to go to.
func (v visitor) turnedAway(what string, got reaction, status int) {
	v.t.Helper()
	if got.status != status || got.header.Get("Location") != "" || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("X-Request-Id") == "" {
		v.t.Errorf("%s: got %d %v: %s", what, got.status, got.header, got.body)
	}
	for _, cookie := range got.header.Values("Set-Cookie") {
		if !strings.Contains(cookie, "Max-Age=0") {
			v.t.Errorf("%s: there is a cookie %q", what, cookie)
		}
	}
}

// authorize is the address where a login begins. Further parameters replace those of a browser that stays at the door.
func (d *door) authorize(changes map[string]string) string {
	query := url.Values{"redirect_url": {d.origin + "/ui"}, "session_id": {"session"}}
	for name, value := range changes {
		if query[name] = []string{value}; value == "" {
			delete(query, name)
		}
	}
	return d.origin + "/api/authorize?" + query.Encode()
}

// login goes through a login until an address that begins with until, which it returns.
func (v visitor) login(name string, changes map[string]string, until string) *url.URL {
	v.t.Helper()
	at, err := v.SignIn(v.t.Context(), v.authorize(changes), until, name, passwordOf(v.t, name))
	if err != nil {
		v.t.Fatal(err)
	}
	return at
}

// passwordOf is that of somebody whom the embedded OpenID provider knows, or else anything.
func passwordOf(t *testing.T, name string) string {
	if name == "" {
		return ""
	}
	return user(t, name).Password
}

// signedIn returns a browser with a session.
func (d *door) signedIn(name string) visitor {
	d.t.Helper()
	v := d.visitor()
	v.login(name, nil, d.origin+"/ui")
	return v
}

// cookie is the value of the visitor's cookie for pages of the door.
func (v visitor) cookie(name, path string) string {
	v.t.Helper()
	at, err := url.Parse(v.origin + path)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, cookie := range v.Jar.Cookies(at) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// jsonHeader is the header of a request with a JSON body, and more.
func jsonHeader(more ...string) map[string]string {
	out := map[string]string{"Content-Type": "application/json"}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// allowed waits until somebody may bind, which the backend writes down when it starts.
func (p person) allowed() person {
	p.t.Helper()
	eventually(p.t, "the right to bind", func(context.Context) error {
		var list kubebindv1alpha2.APIServiceExportTemplateList
		if p.do(http.MethodGet, "/api/templates", nil, http.StatusOK, &list); len(list.Items) == 0 {
			return errorf("there is no template")
		}
		return nil
	})
	return p
}

// challenge are the parameters of a program that wants a code, for which it knows the verifier.
func challenge(verifier string) map[string]string {
	sum := sha256.Sum256([]byte(verifier))
	return map[string]string{
		"redirect_url": callback, "client_type": "cli", "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
}
