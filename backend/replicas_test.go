// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/test/browser"
)

// Replicas behind one address: what one began the others go on with, and what one ended the others know.
func TestReplicas(t *testing.T) {
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	p := newOpenIDProvider(t).start()
	// turn is the replica that the next request goes to.
	var turn atomic.Int32
	var proxies []http.Handler
	balancer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxies[int(turn.Load())%len(proxies)].ServeHTTP(w, r)
	}))
	defer balancer.Close()
	namespace := newNamespace(t, "-door")
	for range 2 {
		replica := openDoorWith(t, namespace, p.options, func(o *backend.Options) {
			o.LeaderElect, o.FrontDoor.CallbackURL = true, balancer.URL+auth.CallbackPath
		})
		at, err := url.Parse(replica.origin)
		if err != nil {
			t.Fatal(err)
		}
		proxies = append(proxies, httputil.NewSingleHostReverseProxy(at))
	}
	d := &door{t: t, origin: balancer.URL}

	for first := range int32(2) {
		turn.Store(first)
		v := d.visitor()
		at := v.login("", nil, d.origin+auth.CallbackPath)
		turn.Store(first + 1)
		if got := v.send(http.MethodGet, at.String(), nil, nil); got.status != http.StatusFound {
			t.Fatalf("begun at %d, and finished with %d: %s", first, got.status, got.body)
		}
		turn.Store(first)
		if got := v.send(http.MethodGet, "/api/ping", nil, nil); got.status != http.StatusOK {
			t.Errorf("the session of the other: %d: %s", got.status, got.body)
		}
		code := d.visitor().login("", challenge("v"), callback).Query().Get("code")
		turn.Store(first + 1)
		var token auth.TokenResponse
		alice := person{door: d}
		alice.do(http.MethodPost, "/api/token", map[string]string{"code": code, "code_verifier": "v"}, http.StatusOK, &token)
		alice.token = token.AccessToken
		turn.Store(first)
		alice.allowed().do(http.MethodPost, "/api/bind", wishFor("fruit", template.Name, "ui-identity"), http.StatusOK, &kubebindv1alpha2.BindingResourceResponse{})
		alice.do(http.MethodPost, "/api/logout", nil, http.StatusOK, nil)
		ended := time.Now()
		alice.refused(http.MethodGet, "/api/ping", nil, http.StatusUnauthorized, nobody)
		turn.Store(first + 1)
		eventually(t, "the other to know", func(context.Context) error {
			if v.send(http.MethodGet, "/api/ping", map[string]string{"Authorization": "Bearer " + alice.token}, nil).status == http.StatusOK {
				return errorf("it does not")
			}
			return nil
		})
		if took := time.Since(ended); took > 2*time.Second {
			t.Errorf("that took %s", took)
		}
	}
	if keys := sealingKeys(t); len(keys) != 1 {
		t.Errorf("they have %d keys", len(keys))
	}
}

// A backend starts while its OpenID provider is away, says so to whoever wants to sign in, and needs no help later.
func TestOpenIDProviderIsAway(t *testing.T) {
	p := newOpenIDProvider(t)
	address := p.server.Listener.Addr().String()
	if err := p.server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	d := openDoor(t, p.options)
	v := d.visitor()
	said := v.refused("signing in", v.send(http.MethodGet, d.authorize(nil), nil, nil), http.StatusServiceUnavailable, away)
	if strings.Contains(said, address) || !strings.Contains(said, "OpenID provider") {
		t.Errorf("it says %q", said)
	}
	var err error
	if p.server.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	p.start()
	if d.signedIn("").cookie("kube-bind", "/") == "" {
		t.Error("nobody is signed in")
	}
	// Away again, at the end of a login.
	at := v.login("", nil, d.origin+auth.CallbackPath)
	p.server.Close()
	said = v.refused("the end of a login", v.send(http.MethodGet, at.String(), nil, nil), http.StatusServiceUnavailable, away)
	if strings.Contains(said, address) {
		t.Errorf("it says %q", said)
	}
}

// A certificate that is renewed is served without a restart; sessions are for https then.
func TestCertificateIsReloaded(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	first := writeCertificate(t, cert, key)
	p := newOpenIDProvider(t).start()
	address := freeAddress(t)
	start(t, func(o *backend.Options) {
		o.FrontendDisabled, o.LeaseNamespace = false, newNamespace(t, "-door")
		f := &o.FrontDoor
		f.ListenAddress, f.CallbackURL, f.CertFile, f.KeyFile = address, "https://"+address+auth.CallbackPath, cert, key
	}, p.options)
	serial := func(ctx context.Context) (string, error) {
		// Whose certificate it is, is the question.
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
	}
	want := func(certificate *x509.Certificate) {
		t.Helper()
		eventually(t, "the certificate", func(ctx context.Context) error {
			if got, err := serial(ctx); err != nil || got != certificate.SerialNumber.String() {
				return errorf("it is %s, %v", got, err)
			}
			return nil
		})
	}
	want(first)
	second := writeCertificate(t, cert, key)
	want(second)

	roots := x509.NewCertPool()
	roots.AddCert(second)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	b, err := browser.New(transport)
	if err != nil {
		t.Fatal(err)
	}
	v := visitor{&door{t: t, origin: "https://" + address}, b}
	at := v.login("", nil, v.origin+auth.CallbackPath)
	got := v.send(http.MethodGet, at.String(), nil, nil)
	cookies := strings.Join(got.header.Values("Set-Cookie"), "\n")
	if got.status != http.StatusFound || strings.Count(cookies, "Secure") != 2 || strings.Count(cookies, "HttpOnly") != 2 || strings.Count(cookies, "SameSite=Lax") != 2 ||
		got.header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %d: %v", got.status, got.header)
	}
	old := &tls.Dialer{Config: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}
	if conn, err := old.DialContext(t.Context(), "tcp", address); err == nil {
		_ = conn.Close()
		t.Error("it speaks TLS 1.1")
	}
}

// writeCertificate makes a certificate for this machine, and writes it as certificates are renewed.
func writeCertificate(t *testing.T, certFile, keyFile string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "kube-bind"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: raw}, keyFile: {Type: "EC PRIVATE KEY", Bytes: rawKey}} {
		if err := os.WriteFile(file+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
