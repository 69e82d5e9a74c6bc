// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"kube-bind.io/kube-bind/cli/dev"
	"kube-bind.io/kube-bind/controlplane"
)

// Where there is no environment, each command says so, and what to do, and makes nothing.
func TestDevWithoutEnvironment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	for command, code := range map[string]int{"status": ExitFailed, "example": ExitFailed, "delete": ExitOK} {
		stdout, stderr, err := run(t, "dev", command, "--dir", dir)
		if ExitCode(err) != code || stdout != "" || !strings.Contains(stderr+fmt.Sprint(err), "there is no development environment in "+dir) {
			t.Errorf("%s: %v, %q, %q", command, err, stdout, stderr)
		}
	}
	_, _, err := run(t, "dev", "create", "--dir", dir, "--bin-dir", t.TempDir())
	if ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "etcd, kube-apiserver, kube-controller-manager, kube-bind-backend, konnector\n") || !strings.Contains(err.Error(), "make tools build") {
		t.Errorf("without programs: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("there is a folder: %v", err)
	}
}

// A folder that is somebody's is neither used nor removed.
func TestDevLeavesFoldersOfOthers(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "thesis"), "42", 0o600)
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-bind-backend", "konnector"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\nexit 1\n", 0o700)
	}
	for _, args := range [][]string{{"create", "--bin-dir", bin}, {"delete"}} {
		_, _, err := run(t, append([]string{"dev", "--dir", dir}, args...)...)
		if ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "is no development environment: it has no .kube-bind-dev.json, but thesis") {
			t.Errorf("%v: %v", args, err)
		}
	}
	write(t, filepath.Join(dir, ".kube-bind-dev.json"), `{"kind":"Other"}`, 0o600)
	if _, _, err := run(t, "dev", "delete", "--dir", dir); ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), `its kind is "Other"`) {
		t.Errorf("with another marker: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "thesis")); err != nil {
		t.Error(err)
	}
}

// A program that ends is told with what it said, and delete removes what was made until then.
func TestDevProgramEnds(t *testing.T) {
	dir, bin := filepath.Join(t.TempDir(), "dev"), t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-bind-backend", "konnector"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\n[ \"$1\" != --version ] || exec echo v1.2.3\necho I am broken\nexit 1\n", 0o700)
	}
	_, stderr, err := run(t, "dev", "create", "--dir", dir, "--bin-dir", bin, "--port", freePort(t))
	if ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "has ended") || !strings.Contains(err.Error(), "I am broken") || !strings.Contains(stderr, "starting provider-etcd") {
		t.Errorf("got %v, %q", err, stderr)
	}
	if _, stderr, err := run(t, "dev", "delete", "--dir", dir); err != nil || !strings.Contains(stderr, "and removed "+dir) {
		t.Errorf("got %v, %q", err, stderr)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("there is a folder: %v", err)
	}
}

// However create is cut off, delete finds what it has started, and status tells of it.
func TestDevIsCutOff(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-bind-backend", "konnector"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\n[ \"$1\" != --version ] || exec echo v1.2.3\nexec sleep 3600\n", 0o700)
	}
	for name, tc := range map[string]struct {
		timeout string
		code    int
		words   string
	}{
		"by Ctrl-C":      {"10m", ExitInterrupted, "What was started until now is left running."},
		"by its timeout": {"3s", ExitTimeout, "not everything was ready within 3s: waiting for the provider's API server: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dev")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			said := &interrupter{interrupt: func() {
				if tc.code == ExitInterrupted {
					cancel()
				}
			}}
			cmd := NewCommand(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: said, ErrOut: said}, Options{})
			cmd.SetArgs([]string{"dev", "create", "--dir", dir, "--bin-dir", bin, "--port", freePort(t), "--wait-for-ready-timeout", tc.timeout})
			if code := Execute(ctx, cmd); code != tc.code || !strings.Contains(said.String(), tc.words) {
				t.Errorf("exit code %d, %s", code, said.String())
			}
			stdout, _, err := run(t, "dev", "status", "--dir", dir, "-o", "jsonpath={.items[*].running}")
			if ExitCode(err) != ExitUnhealthy || strings.Count(stdout, "true") != 4 {
				t.Errorf("status: %q, %v", stdout, err)
			}
			if _, stderr, err := run(t, "dev", "delete", "--dir", dir); err != nil || !strings.Contains(stderr, "Ended 4 processes, and removed "+dir) {
				t.Errorf("delete: %q, %v", stderr, err)
			}
		})
	}
}

// interrupter calls a function once something is waited for.
type interrupter struct {
	bytes.Buffer
	interrupt func()
}

func (i *interrupter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("waiting for the provider's API server")) {
		i.interrupt()
	}
	return i.Buffer.Write(p)
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

func TestDevExamplePrints(t *testing.T) {
	if stdout, _, err := run(t, "dev", "example", "--print"); err != nil || stdout != exampleObject {
		t.Errorf("got %q, %v", stdout, err)
	}
}

// Words for a shell are what a shell reads.
func TestShellWord(t *testing.T) {
	for _, word := range []string{"/home/you/.kube-bind/dev", "it's", "a b", "$HOME", "", "ü"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: a shell reads %q, %v", word, out, err)
		}
	}
}

// What status and help print is in files: see testFormats.
func TestDevGolden(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	found := []dev.Process{
		{Name: "backend", Running: true, PID: 42, Started: now.Add(-time.Minute), Version: "v1.2.3", Address: "127.0.0.1:8080", Log: "/dev/logs/backend.log"},
		{Name: "konnector", PID: 43, Started: now.Add(-time.Hour), Version: "v1.2.3", Log: "/dev/logs/konnector.log"},
	}
	for format, value := range map[string]string{"default": "", "wide": "wide", "json": "json", "yaml": "yaml", "name": "name", "jsonpath": "jsonpath={.items[*].running}"} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			d := &devEnvironment{dir: "/dev", cli: &cli{Options: Options{Now: func() time.Time { return now }}, IOStreams: genericiooptions.IOStreams{Out: &out, ErrOut: &out}}}
			err := d.printProcesses(&output{format: value}, found)
			if ExitCode(err) != ExitUnhealthy || !strings.Contains(err.Error(), "1 of 2 processes do not run: konnector\nStart them: kubectl bind dev create --dir /dev.") {
				t.Errorf("got %v", err)
			}
			golden(t, "dev-status."+format, out.String())
		})
	}
	for _, command := range []string{"", "create", "status", "example", "delete"} {
		args := append([]string{"dev"}, strings.Fields(command)...)
		stdout, _, err := run(t, append(args, "--help")...)
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
		usage, _, _ := strings.Cut(stdout, "\nGlobal Flags:")
		golden(t, strings.Join(args, "-")+".help", usage)
	}
}
