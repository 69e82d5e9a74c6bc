// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/rest"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/kubeconfig"
)

// Connections are counted by the host of the provider, of whose URL nothing else is shown, and the oldest heartbeat of a host
// counts.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Options{})
		to := func(name, server string, health Health, beaten time.Time, problem *Problem) {
			c := newConnection(&p.Options, p.places, kubebindv1alpha2.ClusterSecretKeyRef{LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: name, Key: "kubeconfig"}, Namespace: "kube-bind"}, func() {})
			if c.secret = problem; problem == nil {
				c.session = &Session{credential: &kubeconfig.Credential{Config: &rest.Config{Host: server}}, health: health, beaten: beaten}
			}
			p.connections[c.ref] = c
		}
		now := time.Now()
		away := &Problem{Reason: kubebindv1alpha2.ReasonProviderUnreachable}
		to("one", "https://user:secret@east:6443/clusters/1?token=secret", Health{Beaten: true}, now.Add(-time.Minute), nil)
		to("two", "https://east:6443/clusters/2", Health{Beaten: true}, now.Add(-2*time.Minute), nil)
		to("three", "https://east:6443", Health{Beaten: true, Provider: away}, now.Add(-time.Minute), nil)
		to("four", "https://west", Health{}, time.Time{}, nil)
		to("five", "", Health{}, time.Time{}, &Problem{Reason: kubebindv1alpha2.ReasonKubeconfigRefused})
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(p.Collectors()...)
		shows := func(want string) {
			t.Helper()
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
				t.Error(err)
			}
		}
		shows(`# HELP kube_bind_konnector_connections Connections to providers, by the provider's host and whether it answers and takes heartbeats. One whose kubeconfig Secret cannot be used has no host.
# TYPE kube_bind_konnector_connections gauge
kube_bind_konnector_connections{connected="false",provider=""} 1
kube_bind_konnector_connections{connected="false",provider="east:6443"} 1
kube_bind_konnector_connections{connected="false",provider="west"} 1
kube_bind_konnector_connections{connected="true",provider="east:6443"} 2
# HELP kube_bind_konnector_heartbeat_age_seconds Time since the provider took the last heartbeat, by the provider's host: of the connection for which it is longest.
# TYPE kube_bind_konnector_heartbeat_age_seconds gauge
kube_bind_konnector_heartbeat_age_seconds{provider="east:6443"} 120
`)
		clear(p.connections)
		shows("")
	})
}

func TestHostOf(t *testing.T) {
	for server, want := range map[string]string{"https://a.example.com/clusters/root": "a.example.com", "https://[::1]:6443": "[::1]:6443", "%": "unknown"} {
		if got := hostOf(server); got != want {
			t.Errorf("the host of %q is %q", server, got)
		}
	}
}
