// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const secretToken = "s3cr3t-t0ken"

func config(change func(*clientcmdapi.Config)) *clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.CurrentContext = "default"
	c.Clusters["default"] = &clientcmdapi.Cluster{Server: "https://provider.example:6443", TLSServerName: "kubernetes.default.svc"}
	c.AuthInfos["default"] = &clientcmdapi.AuthInfo{Token: secretToken}
	c.Contexts["default"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "default", Namespace: "kube-bind-x"}
	if change != nil {
		change(c)
	}
	return c
}

func TestParsePlace(t *testing.T) {
	got, err := ParsePlace(encode(t, config(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Namespace != "kube-bind-x" || got.Config.Host != "https://provider.example:6443" || got.Config.BearerToken != secretToken ||
		got.Config.ServerName != "kubernetes.default.svc" || got.Config.QPS != -1 {
		t.Errorf("unexpected credential for namespace %q, host %q", got.Namespace, got.Config.Host)
	}
}

// W7, SEC-15: a Secret must not make the konnector run, read or reach anything else.
func TestSEC15W7ParseRefuses(t *testing.T) {
	user := func(f func(*clientcmdapi.AuthInfo)) func(*clientcmdapi.Config) {
		return func(c *clientcmdapi.Config) { f(c.AuthInfos["default"]) }
	}
	cluster := func(f func(*clientcmdapi.Cluster)) func(*clientcmdapi.Config) {
		return func(c *clientcmdapi.Config) { f(c.Clusters["default"]) }
	}
	for name, tc := range map[string]struct {
		change func(*clientcmdapi.Config)
		want   string
	}{
		"exec plugin": {user(func(u *clientcmdapi.AuthInfo) {
			u.Exec = &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: "Never"}
		}), "exec: not allowed"},
		"auth provider":            {user(func(u *clientcmdapi.AuthInfo) { u.AuthProvider = &clientcmdapi.AuthProviderConfig{Name: "oidc"} }), "auth-provider: not allowed"},
		"token file":               {user(func(u *clientcmdapi.AuthInfo) { u.TokenFile = "/var/run/token" }), "tokenFile: not allowed"},
		"client certificate file":  {user(func(u *clientcmdapi.AuthInfo) { u.ClientCertificate = "/x" }), "client-certificate"},
		"client key file":          {user(func(u *clientcmdapi.AuthInfo) { u.ClientKey = "/x" }), "client-key"},
		"basic auth":               {user(func(u *clientcmdapi.AuthInfo) { u.Username = "u" }), "username"},
		"impersonation":            {user(func(u *clientcmdapi.AuthInfo) { u.Impersonate = "admin" }), "as, as-uid"},
		"CA file":                  {cluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthority = "/x" }), "certificate-authority"},
		"no TLS verification":      {cluster(func(c *clientcmdapi.Cluster) { c.InsecureSkipTLSVerify = true }), "insecure-skip-tls-verify"},
		"proxy":                    {cluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "http://evil" }), "proxy-url"},
		"plain http":               {cluster(func(c *clientcmdapi.Cluster) { c.Server = "http://provider" }), "https://"},
		"user in the URL":          {cluster(func(c *clientcmdapi.Cluster) { c.Server = "https://a:b@provider" }), "https://"},
		"broken CA":                {cluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = []byte("no PEM") }), "certificate data"},
		"no credential":            {user(func(u *clientcmdapi.AuthInfo) { u.Token = "" }), "neither a token"},
		"no namespace":             {func(c *clientcmdapi.Config) { c.Contexts["default"].Namespace = "" }, "no namespace"},
		"no current context":       {func(c *clientcmdapi.Config) { c.CurrentContext = "" }, "no current-context"},
		"unknown current context":  {func(c *clientcmdapi.Config) { c.CurrentContext = "other" }, "not among its contexts"},
		"context without cluster":  {func(c *clientcmdapi.Config) { c.Contexts["default"].Cluster = "other" }, "not among its clusters"},
		"context of unknown users": {func(c *clientcmdapi.Config) { c.Contexts["default"].AuthInfo = "other" }, "not among its users"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePlace(encode(t, config(tc.change)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got error %v, want one with %q", err, tc.want)
			}
			if strings.Contains(err.Error(), secretToken) {
				t.Error("the error shows the token")
			}
		})
	}
}

func TestParseSaysEverythingAtOnce(t *testing.T) {
	_, err := ParsePlace(encode(t, config(func(c *clientcmdapi.Config) {
		c.AuthInfos["default"].TokenFile = "/x"
		c.Clusters["default"].ProxyURL = "http://evil"
	})))
	if err == nil || !strings.Contains(err.Error(), "tokenFile") || !strings.Contains(err.Error(), "proxy-url") {
		t.Fatalf("got %v", err)
	}
}

func TestParseNotYAML(t *testing.T) {
	_, err := ParsePlace([]byte("\tuser: " + secretToken))
	if err == nil || strings.Contains(err.Error(), secretToken) {
		t.Fatalf("got %v", err)
	}
}

// A cluster of which no place is known is one, too.
func TestParseNeedsNoNamespace(t *testing.T) {
	got, err := Parse(encode(t, config(func(c *clientcmdapi.Config) { c.Contexts["default"].Namespace = "" })))
	if err != nil || got.Namespace != "" || got.Config.BearerToken != secretToken {
		t.Fatalf("got %v", err)
	}
}

// SEC-15: what a provider adds to its kubeconfig, for whoever chooses another context, is not kept.
func TestSEC15ReduceKeepsWhatIsVetted(t *testing.T) {
	raw := encode(t, config(func(c *clientcmdapi.Config) {
		c.CurrentContext = "bigcorp"
		c.Contexts["bigcorp"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "default", Namespace: "kube-bind-x"}
		c.AuthInfos["evil"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: "Never"}}
		c.Clusters["evil"] = &clientcmdapi.Cluster{Server: "http://evil", ProxyURL: "http://evil"}
		c.Contexts["evil"] = &clientcmdapi.Context{Cluster: "evil", AuthInfo: "evil"}
	}))
	got, err := Reduce(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"exec", "evil"} {
		if strings.Contains(string(got), gone) {
			t.Errorf("it has %q:\n%s", gone, got)
		}
	}
	before, err := ParsePlace(raw)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := ParsePlace(got); err != nil || !after.Equal(before) || !strings.Contains(string(got), "current-context: bigcorp\n") {
		t.Errorf("it is another one, %v:\n%s", err, got)
	}
	if _, err := Reduce(encode(t, config(func(c *clientcmdapi.Config) { c.AuthInfos["default"].TokenFile = "/x" }))); err == nil {
		t.Error("what Parse refuses is reduced")
	}
}

func encode(t *testing.T, c *clientcmdapi.Config) []byte {
	t.Helper()
	data, err := clientcmd.Write(*c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
