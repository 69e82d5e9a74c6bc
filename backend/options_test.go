// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// parse reads flags as the binary does.
func parse(t *testing.T, args ...string) (Options, error) {
	t.Helper()
	o := NewOptions()
	o.Config = &rest.Config{Host: "https://127.0.0.1:1"}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.AddFlags(fs)
	if err := fs.Parse(append([]string{"--frontend-disabled"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := o.Complete(); err != nil {
		return o, err
	}
	return o, o.Validate()
}

// SEC-13: a wrong value of any flag is refused, with the good ones.
func TestSEC13BadFlags(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, says := range map[string]string{
		"--isolation=prefix":                                  "Prefixed, Namespaced, None",
		"--isolation=":                                        "Prefixed, Namespaced, None",
		"--cluster-scoped-isolation=prefix":                   "Prefixed, Namespaced, None",
		"--consumer-scope=all":                                "Namespaced, Cluster",
		"--multicluster-runtime-provider=kind":                "must be one of kubernetes, kcp",
		"--schema-source=crds":                                "CustomResourceDefinition.v1.apiextensions.k8s.io, customresourcedefinitions",
		"--schema-source=apiresourceschemas":                  "needs --provider=kcp",
		"--schema-sync-interval=9s":                           "at least 10s",
		"--consumer-timeout=-1s":                              "must not be negative",
		"--remove-silent-consumers-after=59m":                 "at least 1h",
		"--remove-silent-consumers-after=-1h":                 "at least 1h",
		"--consumer-token-lifetime=9m59s":                     "between 10m and 8760h",
		"--consumer-token-lifetime=8760h1s":                   "between 10m and 8760h",
		"--consumer-token-lifetime=0":                         "--static-consumer-tokens",
		"--namespace-prefix=":                                 "--namespace-prefix",
		"--namespace-prefix=cluster":                          "end with a single '-'",
		"--namespace-prefix=cluster--":                        "end with a single '-'",
		"--namespace-prefix=-cluster-":                        "start with a letter or digit",
		"--namespace-prefix=Cluster-":                         "lower-case",
		"--namespace-prefix=a.b-":                             "lower-case",
		"--namespace-prefix=kube-":                            "Kubernetes itself",
		"--namespace-prefix=" + strings.Repeat("x", 40) + "-": "at most 32 characters",
		"--pretty-name= ":                                     "must not be empty",
		"--external-address=http://x":                         "https URL",
		"--external-address=x:6443":                           "https URL",
		"--external-address=https://":                         "https URL",
		"--external-address=https://u:p@x":                    "https URL",
		"--external-ca-file=" + empty:                         "no certificate",
		"--external-ca-file=/no/such/file":                    "no such file",
		"--external-server-name=a b":                          "host name",
		"--metrics-address=8080":                              "host:port",
		"--otlp-endpoint=collector:4317":                      "http or https URL",
		"--otlp-endpoint=https://user:secret@collector":       "http or https URL",
		"--health-address=localhost":                          "host:port",
		"--lease-name=A":                                      "--lease-name",
		"--lease-namespace=a.b":                               "--lease-namespace",
	} {
		t.Run(arg, func(t *testing.T) {
			_, err := parse(t, arg)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, want %q", err, says)
			}
		})
	}
}

// All that is wrong is said at once.
func TestErrorsAreAggregated(t *testing.T) {
	_, err := parse(t, "--isolation=x", "--consumer-scope=y", "--namespace-prefix=Z", "--frontend-disabled=false", "--listen-address=x")
	for _, flag := range []string{"--isolation", "--consumer-scope", "--namespace-prefix", "--oidc-issuer-url", "--oidc-callback-url", "--listen-address"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not in %v", flag, err)
		}
	}
}

func TestGoodFlags(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := parse(t, "--isolation=none", "--consumer-scope=CLUSTER", "--multicluster-runtime-provider=", "--schema-source=customresourcedefinitions",
		"--schema-sync-interval=10s", "--consumer-token-lifetime=10m", "--static-consumer-tokens", "--namespace-prefix=kube-bind-", "--external-address=https://api.example.com:6443", "--external-ca-file="+ca,
		"--external-server-name=kube.example.com", "--metrics-address=:9090", "--health-address=127.0.0.1:8081", "--lease-namespace=x")
	if err != nil {
		t.Fatal(err)
	}
	if o.Isolation != kubebindv1alpha2.IsolationNone || o.ConsumerScope != kubebindv1alpha2.ClusterScope ||
		o.Provider != ProviderKubernetes || o.SchemaSource != SchemaSourceCRD || o.SchemaSyncInterval != 10*time.Second ||
		o.ConsumerTokenLifetime != 10*time.Minute || !o.StaticConsumerTokens {
		t.Errorf("got %+v", o)
	}
	if string(o.externalCA) != string(raw) {
		t.Error("the CA was not read")
	}
	if o.Config.QPS != -1 {
		t.Errorf("QPS is %v", o.Config.QPS)
	}
}

func TestDefaults(t *testing.T) {
	o, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	if o.NamespacePrefix != "cluster-" || o.PrettyName != "Backend" || o.ConsumerScope != "Namespaced" || o.Isolation != "Prefixed" ||
		o.SchemaSyncInterval != 5*time.Minute || o.ConsumerTokenLifetime != 24*time.Hour || o.StaticConsumerTokens || !o.InstallCRDs || !o.LeaderElect || o.MetricsAddress != "0" || o.LeaseNamespace == "" {
		t.Errorf("got %+v", o)
	}
}

// The kubeconfig is a wrong value too.
func TestUnreadableKubeconfig(t *testing.T) {
	o := NewOptions()
	o.Kubeconfig, o.FrontendDisabled = filepath.Join(t.TempDir(), "absent"), true
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("got %v", err)
	}
}

// Who shares workspaces does not elect, and labels Leases with their name.
func TestShareWorkspaces(t *testing.T) {
	o, err := parse(t, "--provider=kcp", "--share-workspaces", "--lease-name=a.b")
	if err != nil || !o.KCP.Share {
		t.Errorf("got %v, %v", o.KCP.Share, err)
	}
	for says, args := range map[string][]string{
		"needs --provider=kcp":                      {"--share-workspaces"},
		"--lease-name=\"" + strings.Repeat("x", 64): {"--provider=kcp", "--share-workspaces", "--lease-name=" + strings.Repeat("x", 64)},
		"--lease-name=\"A_B\"":                      {"--provider=kcp", "--share-workspaces", "--leader-elect=false", "--lease-name=A_B"},
	} {
		if _, err := parse(t, args...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", args, err, says)
		}
	}
}
