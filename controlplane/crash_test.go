// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// crashEnv is set, to a folder for its files, for the program that TestCrash kills.
const crashEnv = "KUBE_BIND_TEST_CRASH"

// started is what that program tells of itself once all is running.
type started struct {
	PIDs map[string]int
	Dir  string
}

// TestCrash kills a program that runs a control plane and another process, and sees that nothing is left of them.
func TestCrash(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), crashEnv+"="+t.TempDir())
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var s started
	decodeErr := json.NewDecoder(stdout).Decode(&s)
	for name, pid := range s.PIDs {
		if gone(pid) {
			t.Errorf("%s (%d) is not running before the crash", name, pid)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the program ended well instead of being killed")
	}
	if decodeErr != nil || len(s.PIDs) != 5 {
		t.Fatalf("the program told %+v: %v", s, decodeErr)
	}

	for name, pid := range s.PIDs {
		eventually(t, fmt.Sprintf("%s (%d) is gone", name, pid), func() bool { return gone(pid) })
	}
	eventually(t, s.Dir+" is gone", func() bool { return missing(s.Dir) })
}

// runUntilCrash is the program that TestCrash kills: it starts what must not survive, tells, and waits.
func runUntilCrash(dir string) int {
	c, err := Start(context.Background(), Options{Name: "crash"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	log := filepath.Join(dir, "family.log")
	p, err := StartProcess(ProcessOptions{Path: "/bin/sh", Args: []string{"-c", "sleep 600 & echo $!; wait"}, LogFile: log})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s := started{PIDs: c.PIDs(), Dir: c.Dir()}
	s.PIDs["parent"] = p.PID()
	for s.PIDs["child"] == 0 {
		if content, err := os.ReadFile(log); err == nil && bytes.HasSuffix(content, []byte("\n")) {
			s.PIDs["child"], _ = strconv.Atoi(strings.TrimSpace(string(content)))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "ended before the crash:", p.Wait(context.Background()))
	return 1
}

// gone says that there is no such process, or only what is left of it for a slow init to reap.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// eventually fails the test if a fact has not come true within half a minute.
func eventually(t *testing.T, fact string, holds func() bool) {
	t.Helper()
	condition := func(context.Context) (bool, error) { return holds(), nil }
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, condition); err != nil {
		t.Errorf("it is not true that %s: %v", fact, err)
	}
}
