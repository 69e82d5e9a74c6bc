// SPDX-License-Identifier: Apache-2.0

package konnector

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/controlplane"
)

// Two konnectors in one process compete for the lease like two replicas; both serve their probes, and both end without
// leaving a goroutine behind.
func TestTwoInOneProcess(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	before := goleak.IgnoreCurrent()
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error)
	addresses := []string{freeAddress(t), freeAddress(t)}
	for _, address := range addresses {
		k := konnectorFor(t, cluster, address)
		go func() { ended <- k.Run(running) }()
	}
	for _, address := range addresses {
		serves(ctx, t, address, "/healthz", "")
		serves(ctx, t, address, "/readyz", "")
		serves(ctx, t, address, "/metrics", "leader_election_master_status")
	}
	installed(ctx, t, cluster)

	stop()
	for range addresses {
		if err := <-ended; err != nil {
			t.Errorf("a konnector that was told to end returned %v", err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(before,
		// client-go keeps connections for the next client of the same server, and lets a watch of the manager's recorder
		// of Events go astray.
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop"),
	); err != nil {
		t.Error(err)
	}
}

func TestRunFailsWithoutItsCluster(t *testing.T) {
	o := valid()
	o.Config.Host = "https://127.0.0.1:1"
	o.InstallCRDs = false
	k, err := New(*o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := k.Run(ctx); err == nil || !strings.Contains(err.Error(), "kube-system") {
		t.Errorf("got %v", err)
	}
}

func konnectorFor(t *testing.T, cluster *controlplane.ControlPlane, address string) *Konnector {
	t.Helper()
	o := NewOptions()
	o.Config = cluster.Config()
	o.ServerAddress = address
	if err := o.Complete(); err != nil {
		t.Fatal(err)
	}
	k, err := New(*o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serves waits until a path answers well, with a text in the answer.
func serves(ctx context.Context, t *testing.T, address, path, text string) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		last = ask(ctx, "http://"+address+path, text)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", path, last)
	}
}

func ask(ctx context.Context, url, text string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(body), text)) {
		err = fmt.Errorf("it answers %s", resp.Status)
	}
	return err
}

func installed(ctx context.Context, t *testing.T, cluster *controlplane.ControlPlane) {
	t.Helper()
	c, err := client.New(cluster.Config(), client.Options{Scheme: konnectorFor(t, cluster, "0").scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"apiservicebindings.kube-bind.io", "apiservicebindingbundles.kube-bind.io"} {
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &apiextensionsv1.CustomResourceDefinition{}); err != nil {
			t.Error(err)
		}
	}
}
