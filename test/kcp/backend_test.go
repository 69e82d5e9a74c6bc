// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/wild"
)

// prefix begins the names of places.
const prefix = "kube-bind-"

// patience is how long a bind may take while other tests share the machine.
const patience = 2 * time.Minute

// backend is a backend's binary, with kube-bind's own workspace that it serves.
type backend struct {
	*wild.Wild
	// name is that of its files.
	name, tenancy string
	// door and metrics are addresses.
	door, metrics string
	process       *controlplane.Process
}

func newBackend(w *wild.Wild, name, tenancy string) *backend {
	return &backend{Wild: w, name: name, tenancy: tenancy}
}

// alone starts a kcp that no other test uses, with a backend whose consumers get workspaces: for a test that breaks them.
func alone(t *testing.T, name string, args, kcpArgs []string) *backend {
	t.Helper()
	w, err := wild.Start(t.Context(), controlplane.Options{Name: name, LogDir: filepath.Join(world.logs, name), APIServerArgs: kcpArgs})
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(w, name, string(kcp.Workspaces))
	t.Cleanup(func() {
		if err := errors.Join(b.stop(), w.Stop()); err != nil {
			t.Error(err)
		}
	})
	if err := b.start(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs the binary, and waits until its front door is open. The front door stays where it was.
func (b *backend) start(ctx context.Context, args ...string) error {
	if b.door == "" {
		var addresses [2]string
		for i := range addresses {
			port, err := controlplane.FreePort()
			if err != nil {
				return fmt.Errorf("finding a port: %w", err)
			}
			addresses[i] = "127.0.0.1:" + strconv.Itoa(port)
		}
		b.door, b.metrics = addresses[0], addresses[1]
	}
	raw, err := b.BackendKubeconfig()
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(world.logs, b.name+".kubeconfig")
	if err := os.WriteFile(kubeconfig, raw, 0o600); err != nil {
		return fmt.Errorf("writing the backend's kubeconfig: %w", err)
	}
	b.process, err = controlplane.StartProcess(controlplane.ProcessOptions{
		Name: "kube-bind-backend", Path: filepath.Join(world.bin, "kube-bind-backend"), LogFile: filepath.Join(world.logs, "backend-"+b.name+".log"),
		Args: slices.Concat([]string{
			"--kubeconfig", kubeconfig, "--provider", "kcp", "--tenancy", b.tenancy, "--namespace-prefix", prefix, "--pretty-name", "BigCorp.com",
			"--lease-namespace", kcpinit.Namespace, "--health-address", "0", "--metrics-address", b.metrics,
			"--listen-address", b.door, "--oidc-type", "embedded", "--oidc-callback-url", b.url() + "/api/callback",
		}, args),
	})
	if err != nil {
		return err
	}
	return b.await(ctx, "the front door", func(ctx context.Context) error {
		body, err := get(ctx, b.url()+"/healthz")
		if err == nil {
			err = body.Close()
		}
		return err
	})
}

func (b *backend) url() string { return "http://" + b.door }

func (b *backend) stop() error {
	if b.process == nil {
		return nil
	}
	return b.process.Stop()
}

// await repeats a check as long as the process lives.
func (b *backend) await(ctx context.Context, what string, check func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		select {
		case <-b.process.Exited():
			return false, fmt.Errorf("the backend has ended: %w", b.process.Wait(ctx))
		default:
		}
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w (%w)\n%s", what, err, last, b.process.LogTail(5))
	}
	return nil
}

type body interface {
	Read(p []byte) (int, error)
	Close() error
}

// get returns the body of a good answer.
func get(ctx context.Context, url string) (body, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s: %w", response.Status, response.Body.Close())
	}
	return response.Body, nil
}

// metric is the sum of all series of a metric whose labels have the given text.
func (b *backend) metric(ctx context.Context, name, labels string) (float64, error) {
	body, err := get(ctx, "http://"+b.metrics+"/metrics")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	var sum float64
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if found, _, _ := strings.Cut(series, "{"); found != name || !strings.Contains(series, labels) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the metric %s: %w", name, err)
		}
		sum += number
	}
	return sum, lines.Err()
}

// alive fails if the backend has ended since it was started.
func (b *backend) alive(t *testing.T) {
	t.Helper()
	select {
	case <-b.process.Exited():
		t.Fatalf("the backend has ended:\n%s", b.process.LogTail(15))
	default:
	}
}

// provider makes a provider's workspace that offers cowboys, and waits until its template is ready to be bound.
func (b *backend) provider(t *testing.T, name string, without ...string) *wild.Provider {
	t.Helper()
	p, err := b.NewProvider(t.Context(), name, without...)
	if err != nil {
		t.Fatal(err)
	}
	b.offer(t, p, cowboys(t))
	return p
}

// eventually is expect.Eventually, and ends early when the backend has.
func (b *backend) eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	expect.Eventually(t, what, func(ctx context.Context) error {
		b.alive(t)
		return check(ctx)
	})
}
