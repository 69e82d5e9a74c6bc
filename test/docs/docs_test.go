// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_, _ = s.run(t, end, false)
		}
	})
	if out, err := s.run(t, around, false); err != nil {
		t.Fatalf("what the demo prints: %v\n%s\n%s", err, around, out)
	}
	s.walk(t, quickStart)
	if len(programsOf(t, s.dir)) == 0 {
		t.Error("no program of the demo is seen")
	}
	out, err = s.run(t, end, false)
	if stopped = err == nil; !stopped {
		t.Fatalf("ending the demo: %v\n%s", err, out)
	}
	nothingLeft(t, s)
}

// nothingLeft sees that no program of a demo runs any more, and that there is none of its files.
func nothingLeft(t *testing.T, s *shell) {
	t.Helper()
	if left := programsOf(t, s.dir); len(left) > 0 {
		t.Errorf("these still run: %q", left)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "kube-bind-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v: %v", left, err)
	}
}

// programsOf are the command lines of the programs that have to do with a folder, and are no shells of ours.
func programsOf(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // It has ended.
		}
		if folder, err := os.Readlink(filepath.Join(filepath.Dir(file), "cwd")); err == nil && strings.HasPrefix(folder, filepath.Join(dir, "kube-bind-")) {
			out = append(out, strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	return out
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
