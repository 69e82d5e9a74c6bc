// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// door is an address at which something answers that is no API server: a load balancer with nothing behind it, or a
// machine that hangs.
type door struct {
	listener net.Listener
	knocks   atomic.Int64
}

func newDoor(t *testing.T, welcome func(net.Conn)) *door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.knocks.Add(1)
			welcome(conn)
		}
	}()
	return d
}

// A provider that takes connections and does not answer is told as one that is away, is asked now and then only, and
// holds nobody else up. Mending the Secret is all that it takes, even while requests hang.
func TestProviderThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		welcome func(net.Conn)
	}{
		{"resets", func(c net.Conn) { _ = c.Close() }},
		{"hangs-up", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1<<16)) // what is left unread would be answered by a reset
			_ = c.Close()
		}},
		{"hangs", func(net.Conn) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, tc.welcome)
			err := world.SaveKubeconfig(t.Context(), tc.name, edited(t, func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
				cluster.Server = "https://" + d.listener.Addr().String()
			}))
			if err != nil {
				t.Fatal(err)
			}
			if err := world.CreateBinding(t.Context(), tc.name, tc.name); err != nil {
				t.Fatal(err)
			}
			b := bindingHas(t, tc.name, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonProviderUnreachable)
			if message := says(b, kubebindv1alpha2.ConditionConnected); !strings.Contains(message, "being tried again") {
				t.Errorf("the condition says %q", message)
			}
			expect.Event(t, world.Consumer, b, kubebindv1alpha2.ReasonProviderUnreachable)

			const window, most = 10 * time.Second, 10
			knocks := d.knocks.Load()
			rests(t, world.Consumer, b, window, 2)
			if knocked := d.knocks.Load() - knocks; knocked > most {
				t.Errorf("it was asked %d times in %s, want %d at most", knocked, window, most)
			}
			if err := world.SaveKubeconfig(t.Context(), tc.name, world.place.Kubeconfig); err != nil {
				t.Fatal(err)
			}
			bindingHas(t, tc.name, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
			bindingHas(t, tc.name, kubebindv1alpha2.ConditionHeartbeating, metav1.ConditionTrue, "")
			expect.Delete(t, world.Consumer, b)
			expect.Gone(t, world.Consumer, b)
		})
	}
}
