// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
	"kube-bind.io/kube-bind/test/wild"
)

// world is what all tests share.
var world struct {
	// bin has the shipped binaries, logs what they say.
	bin, logs string
	// workspaces and namespaces are backends of the two tenancies.
	workspaces, namespaces *backend
}

// startTimeout is how long kcp and the backends may take.
const startTimeout = 4 * time.Minute

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	stop, err := start(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting kcp and the backends:", err)
		code = 1
	} else {
		code = m.Run()
	}
	known := &leak.Known{}
	if err == nil {
		if known, err = secrets(); err != nil {
			fmt.Fprintln(os.Stderr, "knowing the secrets to look for in logs:", err)
			code = 1
		}
	}
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping kcp and the backends:", err)
		code = 1
	}
	if err := known.Scan(world.logs); err != nil {
		fmt.Fprintln(os.Stderr, "looking for secrets in logs:", err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "logs are in", world.logs)
	} else if err := os.RemoveAll(world.logs); err != nil {
		fmt.Fprintln(os.Stderr, "removing the logs:", err)
	}
	return code
}

// secrets are those that are known at the end: the backends' kubeconfigs, and what is in the workspaces that they keep their keys
// in. Consumers' tokens are JWTs, which are found without being known.
func secrets() (*leak.Known, error) {
	known := &leak.Known{}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for _, b := range []*backend{world.workspaces, world.namespaces} {
		raw, err := b.BackendKubeconfig()
		if err == nil {
			err = known.AddKubeconfig(raw)
		}
		if err != nil {
			return known, err
		}
		c, err := b.Client(b.Prepared.Path)
		if err != nil {
			return known, err
		}
		list := &corev1.SecretList{}
		if err := c.List(ctx, list); err != nil {
			return known, fmt.Errorf("reading the Secrets of %s: %w", b.name, err)
		}
		for i := range list.Items {
			known.AddSecret(&list.Items[i], pair.SessionKeysSecret)
		}
	}
	return known, nil
}

// start starts what tests share. What it returns stops what was started, and is never nil.
func start(ctx context.Context) (stop func() error, err error) {
	var started []func() error
	stop = func() error {
		var errs []error
		for i := len(started) - 1; i >= 0; i-- {
			errs = append(errs, started[i]())
		}
		return errors.Join(errs...)
	}
	if world.logs, err = os.MkdirTemp("", "kube-bind-kcp-"); err != nil {
		return stop, err
	}
	if world.bin, err = pair.Build(ctx, world.logs); err != nil {
		return stop, err
	}
	started = append(started, func() error { return os.RemoveAll(world.bin) })
	workspaces, err := wild.Start(ctx, controlplane.Options{Name: "kcp", LogDir: filepath.Join(world.logs, "kcp")})
	if err != nil {
		return stop, err
	}
	started = append(started, workspaces.Stop)
	namespaces, err := wild.Prepare(ctx, workspaces.KCP, "kube-bind-namespaces")
	if err != nil {
		return stop, err
	}
	world.workspaces, world.namespaces = newBackend(workspaces, "workspaces", "workspace"), newBackend(namespaces, "namespaces", "namespace")
	for b, args := range map[*backend][]string{world.workspaces: nil, world.namespaces: {"--oidc-allowed-users=alice"}} {
		started = append(started, b.stop)
		if err := b.start(ctx, args...); err != nil {
			return stop, err
		}
	}
	return stop, nil
}
