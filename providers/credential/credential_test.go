// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func TestKubeconfig(t *testing.T) {
	caFile := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(caFile, []byte("file CA"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := func(mods ...func(*rest.Config)) *rest.Config {
		cfg := &rest.Config{Host: "https://10.0.0.1:6443", BearerToken: "backend's own"}
		cfg.CAData = []byte("own CA")
		for _, m := range mods {
			m(cfg)
		}
		return cfg
	}
	type want struct{ server, ca, serverName string }
	for name, tc := range map[string]struct {
		cfg      *rest.Config
		external External
		want     want
	}{
		"as the backend sees it":            {own(), External{}, want{"https://10.0.0.1:6443", "own CA", ""}},
		"own CA from a file becomes inline": {own(func(c *rest.Config) { c.CAData, c.CAFile = nil, caFile }), External{}, want{"https://10.0.0.1:6443", "file CA", ""}},
		"own server name":                   {own(func(c *rest.Config) { c.ServerName = "kube" }), External{}, want{"https://10.0.0.1:6443", "own CA", "kube"}},
		"host without scheme":               {own(func(c *rest.Config) { c.Host = "10.0.0.1:6443" }), External{}, want{"https://10.0.0.1:6443", "own CA", ""}},
		"all external":                      {own(), External{"https://api.example.com", []byte("ext CA"), "ext"}, want{"https://api.example.com", "ext CA", "ext"}},
		"own server name is not that of an external address": {
			own(func(c *rest.Config) { c.ServerName = "kube" }), External{Address: "https://api.example.com"},
			want{"https://api.example.com", "own CA", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint, err := NewEndpoint(tc.cfg, tc.external)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := endpoint.Kubeconfig("kube-bind-abc", "secret-token")
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte("backend's own")) {
				t.Error("the kubeconfig has the backend's own token")
			}
			cfg, err := clientcmd.Load(raw)
			if err != nil {
				t.Fatal(err)
			}
			cluster, user, kctx := cfg.Clusters["default"], cfg.AuthInfos["default"], cfg.Contexts["default"]
			if cluster == nil || user == nil || kctx == nil || cfg.CurrentContext != "default" {
				t.Fatalf("cluster, user and context are not all named default: %s", raw)
			}
			if got := (want{cluster.Server, string(cluster.CertificateAuthorityData), cluster.TLSServerName}); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if user.Token != "secret-token" || kctx.Namespace != "kube-bind-abc" {
				t.Errorf("token %q, namespace %q", user.Token, kctx.Namespace)
			}
			again, err := endpoint.Kubeconfig("kube-bind-abc", "secret-token")
			if err != nil || !bytes.Equal(raw, again) {
				t.Errorf("not deterministic: %v", err)
			}
		})
	}
}

func TestKubeconfigNeedsToken(t *testing.T) {
	if _, err := (Endpoint{}).Kubeconfig("ns", ""); err == nil {
		t.Error("want an error without a token")
	}
}

func TestEndpointWithUnreadableCA(t *testing.T) {
	cfg := &rest.Config{Host: "https://x"}
	cfg.CAFile = filepath.Join(t.TempDir(), "absent")
	if _, err := NewEndpoint(cfg, External{}); err == nil {
		t.Error("want an error")
	}
}

func TestToken(t *testing.T) {
	data := map[string][]byte{corev1.ServiceAccountTokenKey: []byte("t")}
	if got := Token(&corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, Data: data}); got != "t" {
		t.Errorf("got %q", got)
	}
	if got := Token(&corev1.Secret{Type: corev1.SecretTypeOpaque, Data: data}); got != "" {
		t.Errorf("a Secret of another type gave %q", got)
	}
}
