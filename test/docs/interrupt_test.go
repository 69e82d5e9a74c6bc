// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/controlplane"
)

// Ctrl-C ends the demo at any time, with all that it has started and written. Pressed again and again it breaks nothing off.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	started := func(string) bool { return len(programsOf(t, s.dir)) > 0 }
	for _, tc := range []struct {
		when string
		args []string
		// due tells that it is time for Ctrl-C.
		due func(printed string) bool
	}{
		{"while the clusters start", nil, started},
		{"at the first step", nil, func(printed string) bool { return strings.Contains(printed, "\n1. ") }},
		{"while a kcp starts", []string{"--provider=kcp"}, started},
	} {
		t.Run(tc.when, func(t *testing.T) {
			printed, err := s.interrupt(t, tc.args, tc.due)
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Errorf("it ends with %v:\n%s", err, printed)
			}
			nothingLeft(t, s)
			if t.Failed() {
				t.Logf("%v\n%s", err, printed)
			}
		})
	}
}

// A demo that fails before anything is made leaves nothing, either.
func TestDemoFails(t *testing.T) {
	t.Parallel()
	s := newShell(t, controlplane.BinEnv+"=/nowhere")
	out, err := s.run(t, "demo", false)
	if err == nil || !strings.Contains(out, "these programs are needed") {
		t.Errorf("it ends with %v:\n%s", err, out)
	}
	nothingLeft(t, s)
}

// interrupt runs the demo as a terminal does, and from the time that it is due presses Ctrl-C until it has ended.
func (s *shell) interrupt(t *testing.T, args []string, due func(printed string) bool) (printed string, err error) {
	t.Helper()
	log, err := os.CreateTemp(s.dir, "demo-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.dir, "bin", "demo"), args...) //nolint:noctx // It is what ends it that is tried here.
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, s.env, log, log
	// A terminal tells all of the group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	pressed := false
	var result error
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, limit, true, func(context.Context) (bool, error) {
		select {
		case result = <-ended:
			return true, nil
		default:
		}
		raw, err := os.ReadFile(log.Name())
		if printed = string(raw); err != nil {
			return false, err
		}
		if pressed = pressed || due(printed); !pressed {
			return false, nil
		}
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); !errors.Is(err, syscall.ESRCH) {
			return false, err
		}
		return false, nil // It has ended meanwhile.
	})
	raw, _ := os.ReadFile(log.Name())
	if printed = string(raw); err != nil || !pressed {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		t.Fatalf("Ctrl-C was pressed: %t; %v, %v\n%s", pressed, err, result, printed)
	}
	return printed, result
}
