// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startShell runs a script and waits until it has said "ready".
func startShell(t *testing.T, o ProcessOptions, script string) *Process {
	t.Helper()
	o.Path, o.Args = "/bin/sh", []string{"-c", script}
	if o.LogFile == "" {
		o.LogFile = filepath.Join(t.TempDir(), "logs", "shell.log")
	}
	p, err := StartProcess(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the script is ready", func() bool { return strings.Contains(p.LogTail(100), "ready") })
	return p
}

func TestProcessStopAsksFirst(t *testing.T) {
	p := startShell(t, ProcessOptions{}, `trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := p.LogTail(1); got != "asked" {
		t.Errorf("the process was not asked to end; its log ends with %q", got)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Errorf("Wait after the process ended with status 0: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("Stop of a process that has ended: %v", err)
	}
}

func TestProcessStopKillsTheStubborn(t *testing.T) {
	o := ProcessOptions{Name: "stubborn", StopGrace: 100 * time.Millisecond}
	p := startShell(t, o, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	err := p.Stop()
	if err == nil || !strings.Contains(err.Error(), "stubborn did not end within 100ms") {
		t.Errorf("Stop returned %v", err)
	}
	if !gone(p.PID()) {
		t.Error("the process is still there")
	}
}

func TestProcessKillTakesTheGroup(t *testing.T) {
	p := startShell(t, ProcessOptions{}, `sleep 600 & echo $!; echo ready; wait`)
	child, err := strconv.Atoi(strings.Fields(p.LogTail(100))[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child is gone", func() bool { return gone(child) })
}

func TestProcessTellsHowItEnded(t *testing.T) {
	p := startShell(t, ProcessOptions{Env: []string{"STATUS=7"}}, `echo ready; exit $STATUS`)
	var exit *exec.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("Wait returned %v, want exit status 7", err)
	}
}

func TestProcessWaitEndsWithItsContext(t *testing.T) {
	p := startShell(t, ProcessOptions{}, `echo ready; exec sleep 600`)
	cause := errors.New("no more patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := p.Wait(ctx); !errors.Is(err, cause) {
		t.Errorf("Wait returned %v, want %v", err, cause)
	}
}

func TestProcessLogTailIsItsOwn(t *testing.T) {
	log := filepath.Join(t.TempDir(), "shell.log")
	first := startShell(t, ProcessOptions{LogFile: log}, `echo ready; echo first`)
	if err := first.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := startShell(t, ProcessOptions{LogFile: log}, `echo ready; echo one; echo two >&2`)
	if err := second.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := second.LogTail(100); got != "ready\none\ntwo" {
		t.Errorf("the tail of the second process is %q", got)
	}
	if got := second.LogTail(2); got != "one\ntwo" {
		t.Errorf("two lines of it are %q", got)
	}
	whole, err := os.ReadFile(log)
	if err != nil || !strings.HasPrefix(string(whole), "ready\nfirst\n") {
		t.Errorf("the file is %q (%v), and lost what the first process wrote", whole, err)
	}
}

func TestProcessHasItsFolder(t *testing.T) {
	dir := t.TempDir()
	p := startShell(t, ProcessOptions{Dir: dir}, `echo ready; touch here`)
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if missing(filepath.Join(dir, "here")) {
		t.Error("the process did not run in its folder")
	}
}

func TestStartProcessRefusesWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ path, message string }{
		"missing":        {filepath.Join(dir, "nothing"), "make tools"},
		"a folder":       {dir, "not an executable file"},
		"not executable": {text, "not an executable file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := StartProcess(ProcessOptions{Path: want.path, LogFile: filepath.Join(dir, "log")})
			if err == nil || !strings.Contains(err.Error(), want.message) {
				t.Errorf("StartProcess returned %v, want an error with %q", err, want.message)
			}
		})
	}
}

func TestGuardRemovesItsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's \"odd\" $HOME")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	g, err := newGuard(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
	if !missing(dir) {
		t.Errorf("%s is still there", dir)
	}
	if err := g.close(); err != nil {
		t.Errorf("closing a second time: %v", err)
	}
	if err := g.start(exec.Command("/bin/sh")); err == nil {
		t.Error("a guard that has ended started a process")
	}
}
