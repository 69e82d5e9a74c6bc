// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"reflect"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"

	"kube-bind.io/kube-bind/kubeconfig"
)

// W48, SEC-15: a provider renews a token, and nothing else.
func TestSEC15W48RenewalIsOfATokenOnly(t *testing.T) {
	ca, _ := certificate(t)
	other, otherKey := certificate(t)
	now := func(c *clientcmdapi.Config) { c.Clusters["default"].CertificateAuthorityData = ca }
	have, err := kubeconfig.ParsePlace(encode(t, config(now)))
	if err != nil {
		t.Fatal(err)
	}
	const fresh = "fr3sh-t0ken"
	for name, tc := range map[string]struct {
		change func(c *clientcmdapi.Config, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo)
		token  string
		says   []string // none: it is no error
	}{
		"the same":      {change: func(*clientcmdapi.Config, *clientcmdapi.Cluster, *clientcmdapi.AuthInfo) {}},
		"another token": {change: func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) { u.Token = fresh }, token: fresh},
		"other names within the file": {change: func(c *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			u.Token = fresh
			c.AuthInfos["renewed"], c.Contexts["default"].AuthInfo = u, "renewed"
		}, token: fresh},
		"another server": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.Server, u.Token = "https://elsewhere.example:6443", fresh
		}, says: []string{"another server;"}},
		"another server, same token": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.Server = "https://elsewhere.example:6443"
		}, says: []string{"another server;"}},
		"another path of the server": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.Server, u.Token = cluster.Server+"/clusters/other", fresh
		}, says: []string{"another server;"}},
		"another CA": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.CertificateAuthorityData, u.Token = other, fresh
		}, says: []string{"another certificate-authority-data;"}},
		"no CA": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.CertificateAuthorityData, u.Token = nil, fresh
		}, says: []string{"another certificate-authority-data;"}},
		"another server name": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.TLSServerName, u.Token = "elsewhere.example", fresh
		}, says: []string{"another tls-server-name;"}},
		"another namespace": {change: func(c *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			c.Contexts["default"].Namespace, u.Token = "kube-bind-y", fresh
		}, says: []string{"another namespace;"}},
		"a client certificate as well": {change: func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			u.Token, u.ClientCertificateData, u.ClientKeyData = fresh, other, otherKey
		}, says: []string{"another client certificate;"}},
		"a client certificate instead": {change: func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			u.Token, u.ClientCertificateData, u.ClientKeyData = "", other, otherKey
		}, says: []string{"another client certificate, kind of credential;"}},
		"all of it": {change: func(c *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.Server, cluster.CertificateAuthorityData, u.Token = "https://elsewhere.example:6443", nil, fresh
			c.Contexts["default"].Namespace = "kube-bind-y"
		}, says: []string{"another server, certificate-authority-data, namespace;", "the consumer's admin"}},
		"an exec section": {change: func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			u.Exec = &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: "Never"}
			u.Token = fresh
		}, says: []string{"it cannot be used: exec: not allowed"}},
		"a proxy": {change: func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) {
			cluster.ProxyURL, u.Token = "http://elsewhere.example", fresh
		}, says: []string{"it cannot be used: proxy-url: not allowed"}},
		"no token": {change: func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, u *clientcmdapi.AuthInfo) { u.Token = "" },
			says: []string{"it cannot be used: the user has neither"}},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := renewal(have, encode(t, config(func(c *clientcmdapi.Config) {
				now(c)
				tc.change(c, c.Clusters["default"], c.AuthInfos["default"])
			})))
			if token != tc.token || (err != nil) != (len(tc.says) > 0) {
				t.Errorf("got the token %q and %v", token, err)
			}
			for _, says := range tc.says {
				if err != nil && !strings.Contains(err.Error(), says) {
					t.Errorf("the error says %q, not %q", err, says)
				}
			}
			if err != nil && (strings.Contains(err.Error(), fresh) || strings.Contains(err.Error(), secretToken)) {
				t.Error("the error shows a token")
			}
		})
	}
}

// What else is in the consumer's file stays as it is.
func TestW48WithTokenChangesNothingElse(t *testing.T) {
	const fresh = "fr3sh-t0ken"
	before := config(func(c *clientcmdapi.Config) {
		c.AuthInfos["somebody"] = &clientcmdapi.AuthInfo{Token: "another"}
		c.Contexts["elsewhere"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "somebody", Namespace: "other"}
	})
	out, err := withToken(encode(t, before), fresh)
	if err != nil {
		t.Fatal(err)
	}
	after, err := clientcmd.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	before.AuthInfos["default"].Token = fresh
	want, err := clientcmd.Load(encode(t, before))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(after, want) {
		t.Errorf("got %s", out)
	}
	if _, err := withToken([]byte("\tuser: "+secretToken), fresh); err == nil || strings.Contains(err.Error(), secretToken) {
		t.Errorf("got %v", err)
	}
}

func certificate(t *testing.T) (pem, key []byte) {
	t.Helper()
	pem, key, err := cert.GenerateSelfSignedCertKey("provider.example", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pem, key
}

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

func encode(t *testing.T, c *clientcmdapi.Config) []byte {
	t.Helper()
	data, err := clientcmd.Write(*c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
