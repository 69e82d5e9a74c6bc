// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/browser"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/idp"
	"kube-bind.io/kube-bind/test/pair"
)

// turns is a proxy that gives each request to the next replica, and goes on to another one if that does not answer.
type turns struct {
	mu       sync.Mutex
	replicas []*replica
	next     int
}

// replica is a backend.
type replica struct {
	*controlplane.Process
	address string
}

// RoundTrip implements http.RoundTripper.
func (p *turns) RoundTrip(r *http.Request) (response *http.Response, err error) {
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	for range len(p.replicas) {
		p.mu.Lock()
		chosen := p.replicas[p.next%len(p.replicas)]
		p.next++
		p.mu.Unlock()
		r.URL.Host, r.Body = chosen.address, io.NopCloser(bytes.NewReader(body))
		if response, err = http.DefaultTransport.RoundTrip(r); err == nil {
			return response, nil
		}
	}
	return nil, err
}

// first is the replica that the next request goes to.
func (p *turns) first() *replica {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replicas[p.next%len(p.replicas)]
}

// interrupted calls once before the first form is sent to a host.
type interrupted struct {
	host string
	call func()
	once sync.Once
}

// RoundTrip implements http.RoundTripper.
func (i *interrupted) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && r.URL.Host == i.host {
		i.once.Do(i.call)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// People sign in at an OpenID provider of their own. Two replicas take turns, and the one that began a login, and leads, is
// killed before its end: the login ends at the other one, and so does the bind that follows.
func TestReplicaIsKilledDuringLogin(t *testing.T) {
	t.Parallel()
	proxy := &turns{}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "replica"}) }, Transport: proxy})
	t.Cleanup(server.Close)
	dex, err := idp.Start(t.Context(), idp.Options{RedirectURIs: []string{server.URL + "/api/callback"}, LogDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dex.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := bare(t, pair.Options{})
	for range 2 {
		proxy.replicas = append(proxy.replicas, w.replica(t, server.URL, dex))
	}
	if err := w.AwaitBackend(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.offer(t)
	for _, r := range proxy.replicas {
		expect.Eventually(t, "both replicas should serve", func(ctx context.Context) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.address+"/healthz", nil)
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			return response.Body.Close()
		})
	}
	if err := w.StartKonnector(); err != nil {
		t.Fatal(err)
	}

	killed := make(chan error, 1)
	w.desk = func(ctx context.Context, address string) error {
		began := proxy.first()
		issuer, err := url.Parse(dex.Issuer())
		if err != nil {
			return err
		}
		return browseWith(ctx, address, &interrupted{host: issuer.Host, call: func() { killed <- began.Kill() }}, dex.Users()[0])
	}
	w.run(t, cli.ExitOK, "login", server.URL)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	says(t, w.run(t, cli.ExitOK, "--template", "cowboys", "--yes", "--skip-konnector").stderr, "Resources bound successfully!")
	w.syncs(t, "billy-the-kid")

	// The provider takes somebody out of the group: the next sign-in counts.
	if err := dex.SetGroups(dex.Users()[0].Name, "nobodies"); err != nil {
		t.Fatal(err)
	}
	w.desk = func(ctx context.Context, address string) error { return browseWith(ctx, address, nil, dex.Users()[0]) }
	w.run(t, cli.ExitOK, "login", server.URL)
	says(t, w.run(t, cli.ExitRefused, "--template", "cowboys", "--yes", "--skip-konnector").stderr, "no template", "that you may bind")
}

// replica starts a backend for people of an OpenID provider, behind a proxy.
func (w *world) replica(t *testing.T, origin string, provider *idp.Provider) *replica {
	t.Helper()
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{address: "127.0.0.1:" + strconv.Itoa(port)}
	r.Process, err = controlplane.StartProcess(controlplane.ProcessOptions{
		// Beside those of the pair, whose end looks for secrets in them.
		Name: "kube-bind-backend", Path: filepath.Join(w.Bin(), "kube-bind-backend"), LogFile: filepath.Join(w.LogDir(), "backend-"+strconv.Itoa(port)+".log"),
		Env: []string{"OIDC_CLIENT_SECRET=" + provider.ClientSecret()},
		Args: []string{
			"--kubeconfig", w.Provider.KubeconfigFile(), "--namespace-prefix", "kube-bind-", "--pretty-name", "BigCorp.com", "--lease-namespace", "default",
			"--listen-address", r.address, "--oidc-callback-url", origin + "/api/callback", "--oidc-issuer-url", provider.Issuer(),
			"--oidc-issuer-client-id", provider.ClientID(), "--oidc-allowed-groups", "developers",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of a backend's log:\n%s", r.LogTail(20))
		}
		if err := r.Kill(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// browseWith signs in as one of an OpenID provider's users, and goes back to the program.
func browseWith(ctx context.Context, address string, transport http.RoundTripper, user idp.User) error {
	b, err := browser.New(transport)
	if err != nil {
		return err
	}
	return signIn(ctx, b, address, user.Name, user.Password)
}

// isDesk tells whether the test plays the browser itself.
func (w *world) isDesk() bool { return w.desk != nil }

// openDesk is where a browser that is this test's binary hands its address to the test.
func (w *world) openDesk(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := w.desk(r.Context(), r.URL.Query().Get("address")); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// handOver is what such a browser does.
func handOver(desk, address string) error {
	response, err := http.Get(desk + "?" + url.Values{"address": {address}}.Encode())
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the browser failed: %s", response.Status)
	}
	return response.Body.Close()
}

// environment of kubectl bind: its browser is this binary, which signs in as alice or hands over to the test.
func (w *world) environment(t *testing.T, self string) []string {
	out := slices.Concat(os.Environ(), []string{"HOME=" + w.home, "KUBECONFIG=" + w.Consumer.KubeconfigFile(), "BROWSER=" + self})
	if w.isDesk() {
		return append(out, browserDesk+"="+w.openDesk(t))
	}
	return append(out, browserUser+"=alice", browserPassword+"=alice-dev-only")
}
