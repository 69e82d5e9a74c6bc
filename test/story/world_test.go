// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kube-bind.io/kube-bind/test/pair"
)

// limit is how long a command may take.
const limit = 3 * time.Minute

// world is a pair with an open front door, and somebody at a terminal.
type world struct {
	*pair.Pair
	home string
	// desk plays the browser, if it is set.
	desk func(ctx context.Context, address string) error
}

// newWorld starts a pair, without a konnector, whose provider offers cowboys.
func newWorld(t *testing.T, o pair.Options) *world {
	t.Helper()
	o.FrontDoor = true
	w := bare(t, o)
	if err := w.StartBackend(); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitBackend(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.offer(t)
	return w
}

// bare starts two control planes, and nothing beside them.
func bare(t *testing.T, o pair.Options) *world {
	t.Helper()
	o.LogDir = t.TempDir()
	p, err := pair.StartControlPlanes(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && p.Backend() != nil {
			t.Logf("end of the backend's log:\n%s", p.Backend().LogTail(20))
		}
		if t.Failed() && p.Konnector() != nil {
			t.Logf("end of the konnector's log:\n%s", p.Konnector().LogTail(20))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &world{Pair: p, home: t.TempDir()}
}

// offer has the provider offer cowboys.
func (w *world) offer(t *testing.T) {
	t.Helper()
	var files []string
	for _, name := range []string{"crd-cowboys.yaml", "template-cowboys.yaml"} {
		file, err := pair.Example(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := w.ApplyTemplate(t.Context(), files...); err != nil {
		t.Fatal(err)
	}
}

// result is what a command left.
type result struct {
	stdout, stderr string
	code           int
}

// run runs kubectl bind and wants an exit code.
func (w *world) run(t *testing.T, code int, args ...string) result {
	t.Helper()
	return w.runWith(t, code, nil, args...)
}

// runWith does so with what is piped in.
func (w *world) runWith(t *testing.T, code int, stdin []byte, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(w.Bin(), "kubectl-bind"), args...)
	cmd.Env = w.environment(t, self)
	cmd.Stdin = bytes.NewReader(stdin)
	return finished(t, cmd, code)
}

// finished runs a kubectl bind to its end, and wants an exit code.
func finished(t *testing.T, cmd *exec.Cmd, code int) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	out := result{stdout: stdout.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		out.code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if out.code != code {
		t.Fatalf("kubectl bind %s: exit code %d, want %d\n%s\n%s", strings.Join(cmd.Args[1:], " "), out.code, code, out.stdout, out.stderr)
	}
	return out
}

// says wants texts in the order in which they are given.
func says(t *testing.T, got string, parts ...string) {
	t.Helper()
	rest := got
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("%q is missing, or not in its place, in:\n%s", part, got)
			return
		}
		rest = after
	}
}

// konnectorPod starts the konnector as its Pods would run it.
func (w *world) konnectorPod(t *testing.T) {
	t.Helper()
	if err := w.PlayKonnectorPods(t.Context(), filepath.Join(w.home, "konnector.kubeconfig")); err != nil {
		t.Fatal(err)
	}
}
