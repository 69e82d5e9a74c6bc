// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
)

// Pages that are run.
const (
	quickStart = "docs/quick-start.md"
	hardWay    = "docs/hard-way.md"
	devPage    = "docs/dev.md"
)

// The quick start goes on from what make demo KEEP=1 leaves, with the lines that it prints.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	out, err := s.run(t, "demo --keep", false)
	if err != nil {
		t.Fatalf("the demo: %v\n%s", err, out)
	}
	_, printed, found := strings.Cut(out, "To look around:\n")
	around, end, ended := strings.Cut(printed, "To end it:\n")
	if !found || !ended {
		t.Fatalf("the demo does not say how to go on: %s", out)
	}
	around, _, _ = strings.Cut(around, "Logs are in ")
	end = strings.TrimSpace(end)
	pid := demoPID(t, end)
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	})
	if out, err := s.run(t, around, false); err != nil {
		t.Fatalf("what the demo prints: %v\n%s\n%s", err, around, out)
	}
	s.walk(t, quickStart)
	if out, err := s.run(t, end, false); err != nil {
		t.Errorf("ending the demo: %v\n%s", err, out)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, limit, true, func(context.Context) (bool, error) {
		return syscall.Kill(pid, 0) == syscall.ESRCH, nil
	})
	if stopped = err == nil; !stopped {
		t.Fatalf("the demo does not end: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "kube-bind-demo-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v: %v", left, err)
	}
}

// demoPID is the process that the demo leaves, as its last line says.
func demoPID(t *testing.T, end string) int {
	t.Helper()
	_, file, _ := strings.Cut(end, "kill $(cat ")
	file, _, found := strings.Cut(file, ")")
	if !found {
		t.Fatalf("the demo does not say how to end it: %s", end)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// The hard way begins with two clusters, and nothing in them. The konnector that it deploys is played.
func TestHardWay(t *testing.T) {
	t.Parallel()
	p, err := pair.StartControlPlanes(t.Context(), pair.Options{LogDir: t.TempDir(), Workloads: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	file := filepath.Join(t.TempDir(), "konnector.kubeconfig")
	go func() { played <- p.PlayKonnectorPods(t.Context(), file) }()
	s := newShell(t, "PROVIDER="+p.Provider.KubeconfigFile(), "CONSUMER="+p.Consumer.KubeconfigFile(), "SERVER=http://127.0.0.1:"+strconv.Itoa(port))
	s.walk(t, hardWay)
	if err := <-played; err != nil {
		t.Error(err)
	}
}

// The development environment is made and removed by its page.
func TestDev(t *testing.T) {
	t.Parallel()
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := newShell(t, "XDG_STATE_HOME=", "PORT="+strconv.Itoa(port))
	t.Cleanup(func() {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(s.dir, "bin", "kubectl-bind"), "dev", "delete")
		cmd.Env = s.env
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Nothing to delete") && !t.Failed() {
			t.Errorf("the page leaves something: %v\n%s", err, out)
		}
	})
	s.walk(t, devPage)
}
