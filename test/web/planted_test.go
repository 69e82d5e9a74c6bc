// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/auth/issuer"
	"kube-bind.io/kube-bind/test/browser"
)

// Names of hosts, all of this machine. Chromium takes loopback addresses for as safe as https, others not.
const (
	ourHost = "bind.example.com"
	sibling = "evil.example.com"
)

// secureDoor is a backend behind an ingress that speaks https.
type secureDoor struct {
	origin string
	// transport trusts the ingress, and finds it.
	transport http.RoundTripper
}

// newSecureDoor starts one, with keys of its own.
func newSecureDoor(t *testing.T) *secureDoor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	target := &url.URL{Scheme: "http", Host: address}
	ingress := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(ingress.Close)
	_, port, err := net.SplitHostPort(ingress.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	transport := ingress.Client().Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, ingress.Listener.Addr().String())
	}
	d := &secureDoor{origin: "https://" + ourHost + ":" + port, transport: transport}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "secure-door-"}}
	if err := world.provider.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	opts := backendOptions(address)
	opts.LeaseNamespace = ns.Name
	opts.FrontDoor.CallbackURL, opts.FrontDoor.InsecureEmbedded = d.origin+auth.CallbackPath, true
	b, err := backend.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if err := opened(t.Context(), target.String()); err != nil {
		t.Fatal(err)
	}
	return d
}

// login is somebody's in another browser, up to an address that begins with until, and the cookies that it has then.
func (d *secureDoor) login(t *testing.T, name, until string) (at *url.URL, cookies []*http.Cookie) {
	t.Helper()
	b, err := browser.New(d.transport)
	if err != nil {
		t.Fatal(err)
	}
	users := issuer.DefaultUsers()
	user := users[slices.IndexFunc(users, func(u issuer.User) bool { return u.Name == name })]
	query := url.Values{"redirect_url": {d.origin + "/ui"}, "session_id": {"session"}}
	at, err = b.SignIn(t.Context(), d.origin+"/api/authorize?"+query.Encode(), d.origin+until, name, user.Password)
	if err != nil {
		t.Fatal(err)
	}
	return at, b.Jar.Cookies(at)
}

// plants is a server that sets cookies in all the ways there are, for itself and for its sisters. It returns its port.
func plants(t *testing.T, cookies []*http.Cookie) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, cookie := range cookies {
			bare := strings.TrimPrefix(cookie.Name, "__Host-")
			for _, name := range []string{bare, "__Host-" + bare, "__host-" + bare, "__Secure-" + bare} {
				for _, how := range []string{"Path=/", "Path=/; Secure", "Path=/; Domain=example.com", "Path=/; Secure; Domain=example.com", "Path=/api"} {
					w.Header().Add("Set-Cookie", name+"="+cookie.Value+"; "+how)
				}
			}
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<link rel="icon" href="data:,"><p>Nice to see you.</p>`)
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// cookieNames are the names of the cookies that the browser sends to an address.
func (b *tab) cookieNames(address string) (out []string) {
	b.t.Helper()
	b.do("reading cookies", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		got, err := cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
		if err == nil {
			for _, cookie := range got.Cookies {
				out = append(out, cookie.Name)
			}
		}
		return err
	}))
	slices.Sort(out)
	return slices.Compact(out)
}

// SEC-12, SEC-8: with https a browser takes cookies of ours from us alone. Mallory answers plain http for our host, and has another
// host of our domain; from there good cookies of their own are planted, to have alice go on in mallory's session.
func TestSEC12PlantedInABrowser(t *testing.T) {
	d := newSecureDoor(t)
	_, session := d.login(t, "bob", "/ui")
	callback, underWay := d.login(t, "bob", auth.CallbackPath)
	port := plants(t, slices.Concat(session, underWay))
	evil := []string{"http://" + ourHost + ":" + port, "http://" + sibling + ":" + port}
	b := newTab(t, append(evil, d.origin)...)
	b.refused = true
	b.do("taking a test's certificate", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
		return err
	}))
	visit := func(address string) {
		t.Helper()
		b.arrive("opening "+address, chromedp.Navigate(address))
	}
	planted := func(want ...string) {
		t.Helper()
		for _, address := range evil {
			visit(address)
			b.sees("Nice to see you")
		}
		if got := b.cookieNames(d.origin + auth.CallbackPath); !slices.Equal(got, want) {
			t.Fatalf("the browser has %v, want %v", got, want)
		}
	}
	login := strings.TrimPrefix(underWay[0].Name, "__Host-")
	planted("kube-bind", login)
	visit(d.origin + "/")
	b.sees("Sign in")
	b.seesNot("bob")
	visit(callback.String())
	if b.status != http.StatusBadRequest {
		t.Errorf("mallory's login goes on: %d", b.status)
	}

	// Alice signs in beside them, and stays who she is.
	visit(d.origin + "/")
	b.signIn("alice")
	b.sees("alice")
	planted("__Host-kube-bind", "kube-bind", login)
	visit(d.origin + "/")
	b.sees("alice")
	b.seesNot("bob")
	b.click(".person button")
	b.sees("Sign in")
	b.seesNot("bob")
	planted("kube-bind", login)
}
