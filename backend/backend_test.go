// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/deploy/crds"
)

// provider is the control plane of all tests of this package, which therefore run one after another.
var provider *controlplane.ControlPlane

// here is the control plane that admin talks to: provider, but within in.
var here *controlplane.ControlPlane

// in calls a function with another control plane to talk to.
func in(plane *controlplane.ControlPlane, call func()) {
	before := here
	here = plane
	defer func() { here = before }()
	call()
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	flag.Parse()
	ctrl.SetLogger(logger())
	var err error
	if provider, err = controlplane.Start(ctx, controlplane.Options{Name: "provider"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = provider.Stop() }()
	here = provider
	if err := install(ctx, provider.Config()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// install makes kube-bind's kinds known before any backend runs, so that tests may write objects first.
func install(ctx context.Context, cfg *rest.Config) error {
	scheme, err := backend.NewScheme()
	if err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	all, err := crds.Provider()
	if err != nil {
		return err
	}
	return crds.Install(ctx, c, all)
}

func logger() logr.Logger {
	if testing.Verbose() {
		return klog.Background()
	}
	return logr.New(log.NullLogSink{})
}

// timeout is how long anything may take that a test waits for. The namespace controller alone may take half a minute to end
// a namespace while CRDs come and go.
const timeout = 90 * time.Second

// clientFor returns a client that reads from the server.
func clientFor(t *testing.T, cfg *rest.Config) client.Client {
	t.Helper()
	scheme, err := backend.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func admin(t *testing.T) client.Client {
	t.Helper()
	cfg := here.Config()
	cfg.QPS = -1
	return clientFor(t, cfg)
}

// start runs a backend until the test ends, and fails the test if it ends earlier.
func start(t *testing.T, mods ...func(*backend.Options)) (stop func()) {
	t.Helper()
	opts := backend.NewOptions()
	opts.Config = provider.Config()
	opts.FrontendDisabled = true
	opts.LeaderElect = false
	opts.NamespacePrefix = "kube-bind-"
	opts.PrettyName = "Provider of " + t.Name()
	opts.Logger = logger()
	for _, mod := range mods {
		mod(&opts)
	}
	b, err := backend.New(opts)
	if err != nil {
		t.Fatalf("making the backend: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the backend failed: %v", err)
			}
		case <-time.After(timeout):
			t.Error("the backend does not stop")
		}
	}
	t.Cleanup(stop)
	return stop
}
