// SPDX-License-Identifier: Apache-2.0

package kcp_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/providers/kube"
	"kube-bind.io/kube-bind/providers/providertest"
	"kube-bind.io/kube-bind/test/wild"
)

const prefix = "kube-bind-"

// world is the kcp that all tests of this package share. Each test has workspaces of its own.
var world *wild.Wild

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctrl.SetLogger(klog.Background())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var err error
	if world, err = wild.Start(ctx, controlplane.Options{Name: "kcp"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = world.Stop() }()
	return m.Run()
}

// provider runs a provider until the test ends.
func provider(t *testing.T, opts kcp.Options) *kcp.Provider {
	t.Helper()
	cfg, err := world.BackendConfig()
	if err != nil {
		t.Fatal(err)
	}
	local, err := ctrl.NewManager(cfg, ctrl.Options{Scheme: world.Scheme, Metrics: server.Options{BindAddress: "0"}, Logger: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	opts.Places.NamespacePrefix, opts.Places.PrettyName = prefix, "test"
	opts.Logger = klog.Background()
	p, err := kcp.New(local, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := local.Add(p.Watcher()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- local.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the provider failed: %v", err)
		}
	})
	return p
}

// workspace makes a provider's workspace and waits until the provider knows it.
func workspace(t *testing.T, p *kcp.Provider, name string, without ...string) *wild.Provider {
	t.Helper()
	w, err := world.NewProvider(t.Context(), name, without...)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the workspace to be known", func(ctx context.Context) error {
		_, err := p.Get(ctx, w.Cluster)
		return err
	})
	return w
}

func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// suite is the contract for one tenancy, with credentials that expire or not.
func suite(t *testing.T, tenancy kcp.Tenancy, lifetime time.Duration) func(t *testing.T) providertest.World {
	var ahead atomic.Int64
	p := provider(t, kcp.Options{Tenancy: tenancy, Places: kube.Options{
		TokenLifetime: lifetime, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	}})
	name := fmt.Sprintf("suite-%s-%d", tenancy, lifetime/time.Second)
	host := workspace(t, p, name)
	w := providertest.World{
		Provider: p, Cluster: host.Cluster, Admin: host.Client, Scheme: world.Scheme, Lifetime: lifetime,
		AdminIn: func(t *testing.T, cluster multicluster.ClusterName) client.Client {
			t.Helper()
			c, err := world.Client(string(cluster))
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
	}
	if lifetime > 0 {
		w.Later = func(d time.Duration) { ahead.Add(int64(d)) }
	}
	return func(*testing.T) providertest.World { return w }
}

// Every provider keeps the same contract: see providertest.
func TestProvider(t *testing.T) {
	for _, tenancy := range []kcp.Tenancy{kcp.Workspaces, kcp.Namespaces} {
		t.Run(string(tenancy), func(t *testing.T) {
			providertest.Run(t, suite(t, tenancy, 0))
			providertest.RunExpiring(t, suite(t, tenancy, time.Hour))
		})
	}
}
