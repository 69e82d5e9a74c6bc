// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/kubeconfig"
)

func TestParseAliases(t *testing.T) {
	for text, want := range map[string]*corev1.HostAlias{
		"10.0.0.1:a.example":           {IP: "10.0.0.1", Hostnames: []string{"a.example"}},
		"10.0.0.1:a.example,b.example": {IP: "10.0.0.1", Hostnames: []string{"a.example", "b.example"}},
		"[fd00::1]:a.example":          {IP: "fd00::1", Hostnames: []string{"a.example"}},
		"fd00::1:a.example":            {IP: "fd00::1", Hostnames: []string{"a.example"}},
		"":                             nil,
		"a.example":                    nil,
		"10.0.0.1":                     nil,
		"10.0.0.1:":                    nil,
		"10.0.0.1:a,,b":                nil,
		"10.0.0.1:A.example":           nil,
		"a.example:10.0.0.1":           nil,
	} {
		got, err := parseAliases([]string{text})
		if (err == nil) != (want != nil) || want != nil && !equality.Semantic.DeepEqual(got[0], *want) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if _, err := parseAliases(make([]string, maxAliases+1)); err == nil {
		t.Error("there may be too many")
	}
}

// SEC-1: a backend does not connect to what only it can reach.
func TestSEC1Reachable(t *testing.T) {
	for address, want := range map[string]struct{ outside, local bool }{
		"192.0.2.1:6443":               {true, true},
		"10.0.0.1:6443":                {true, true},
		"[2001:db8::1]:443":            {true, true},
		"127.0.0.1:6443":               {false, true},
		"127.8.8.8:6443":               {false, true},
		"[::1]:6443":                   {false, true},
		"[::ffff:127.0.0.1]:6443":      {false, true},
		"0.0.0.0:6443":                 {false, false},
		"[::]:6443":                    {false, false},
		"169.254.169.254:443":          {false, false},
		"[::ffff:169.254.169.254]:443": {false, false},
		"[fe80::1]:443":                {false, false},
		"224.0.0.1:443":                {false, false},
		"[fd00:ec2::254]:443":          {false, false},
		"[fd20:ce::254]:443":           {false, false},
		"168.63.129.16:443":            {false, false},
		"[::ffff:168.63.129.16]:443":   {false, false},
		"100.100.100.200:443":          {false, false},
		"192.0.0.192:443":              {false, false},
		"[fd00:ec2::253]:443":          {true, true},
		"nonsense":                     {false, false},
	} {
		if got := reachable(false)("tcp", address, nil) == nil; got != want.outside {
			t.Errorf("%s: got %v", address, got)
		}
		if got := reachable(true)("tcp", address, nil) == nil; got != want.local {
			t.Errorf("%s, from this machine: got %v", address, got)
		}
	}
}

// SEC-1: such a connection is not even begun, and a cluster cannot send the backend anywhere.
func TestSEC1NoWayInside(t *testing.T) {
	var asked, lured atomic.Int64
	// Not even to where the backend could connect: there the certificate proves nothing.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	defer elsewhere.Close()
	var status atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, elsewhere.URL, int(status.Load()))
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for _, tc := range []struct {
		origin string
		status int64
		asks   int64
		want   error
	}{
		{"bind.example.com", http.StatusTemporaryRedirect, 0, errUnreachable},
		{"127.0.0.1:8080", http.StatusTemporaryRedirect, 1, errElsewhere},
		{"127.0.0.1:8080", http.StatusFound, 1, errElsewhere},
		{"127.0.0.1:8080", http.StatusPermanentRedirect, 1, errElsewhere},
	} {
		asked.Store(0)
		status.Store(tc.status)
		d := &Door{opts: Options{Origin: &url.URL{Scheme: "https", Host: tc.origin}}}
		consumer, err := d.consumerClient(&kubeconfig.Credential{Config: &rest.Config{
			Host: server.URL, BearerToken: "t", TLSClientConfig: rest.TLSClientConfig{CAData: ca},
		}})
		if err == nil {
			err = consumer.Get(t.Context(), client.ObjectKey{Name: "x"}, &corev1.Namespace{})
		}
		if !errors.Is(err, tc.want) || asked.Load() != tc.asks || lured.Load() != 0 {
			t.Errorf("from %s, %d: asked %d times, and %d times elsewhere: %v", tc.origin, tc.status, asked.Load(), lured.Load(), err)
		}
	}
}

// SEC-1: what says that it is a cluster, and never ends its answer, does not fill the backend's memory.
func TestSEC1EndlessAnswers(t *testing.T) {
	var sent atomic.Int64
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for sent.Load() < 20*maxAnswer { // Enough to tell.
			n, err := w.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	d := &Door{opts: Options{Origin: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}}}
	consumer, err := d.consumerClient(&kubeconfig.Credential{Config: &rest.Config{
		Host: server.URL, BearerToken: "t", TLSClientConfig: rest.TLSClientConfig{CAData: ca},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := consumer.Get(t.Context(), client.ObjectKey{Name: "x"}, &corev1.Namespace{}); err == nil {
		t.Error("it is a cluster")
	}
	if got := sent.Load(); got < maxAnswer || got > 10*maxAnswer {
		t.Errorf("%d bytes were sent", got)
	}
}
