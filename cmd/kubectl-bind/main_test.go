// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/controlplane"
)

// build makes the program, in a folder of its own.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "kubectl-bind")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", out, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

// signInPage is a server at which nobody ever signs in.
func signInPage(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"authenticationMethods":[{"method":"OAuth2CodeGrant","oauth2CodeGrant":{"authenticatedURL":"http://%s/api/authorize"}}]}`, r.Host)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Whoever presses Ctrl-C at a terminal, or ends the program, gets out of each wait, with an exit code that says so, and no config
// file is left.
func TestCtrlC(t *testing.T) {
	program, server := build(t), signInPage(t)
	stays := filepath.Join(t.TempDir(), "browser")
	if err := os.WriteFile(stays, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		when string
		end  func(terminal io.Writer, process *os.Process) error
	}{
		"Ctrl-C, for a code":        {[]string{"--skip-browser"}, "press Enter: ", ctrlC},
		"Ctrl-C, for the browser":   {nil, "Opening browser", ctrlC},
		"terminated, for a code":    {[]string{"--skip-browser"}, "press Enter: ", terminate},
		"terminated, for a browser": {nil, "Opening browser", terminate},
		"its terminal is closed":    {nil, "Opening browser", hangUp},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			cmd := exec.CommandContext(t.Context(), program, append([]string{"login", server}, tc.args...)...)
			cmd.Env = append(os.Environ(), "HOME="+home, "BROWSER="+stays)
			terminal, err := pty.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			said, err := until(terminal, tc.when)
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if err := tc.end(terminal, cmd.Process); err != nil {
				t.Fatal(err)
			}
			// A terminal that nobody writes to any more is an error to its reader.
			rest, _ := io.ReadAll(terminal)
			exit, ended := errors.AsType[*exec.ExitError](cmd.Wait())
			if !ended || exit.ExitCode() != cli.ExitInterrupted || !strings.Contains(string(rest), "Error: interrupted") {
				t.Errorf("%v: %s%s", exit, said, rest)
			}
			if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
				t.Errorf("there are %v, %v", left, err)
			}
			if err := terminal.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func ctrlC(terminal io.Writer, _ *os.Process) error {
	_, err := terminal.Write([]byte{3})
	return err
}

func terminate(_ io.Writer, process *os.Process) error { return process.Signal(syscall.SIGTERM) }

func hangUp(_ io.Writer, process *os.Process) error { return process.Signal(syscall.SIGHUP) }

// until reads until something is said.
func until(from io.Reader, words string) (string, error) {
	var said strings.Builder
	for one := make([]byte, 1); !strings.Contains(said.String(), words); {
		if _, err := from.Read(one); err != nil {
			return said.String(), err
		}
		said.Write(one)
	}
	return said.String(), nil
}

// As a plugin of kubectl it is found, completes, and takes over kubectl's exit code.
func TestPlugin(t *testing.T) {
	program := build(t)
	bin, err := controlplane.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(filepath.Dir(program), "kubectl_complete-bind")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec kubectl-bind __complete \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	kubectl := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "KUBECONFIG=", "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
		out, err := cmd.Output()
		return string(out), err
	}
	if out, err := kubectl("bind", "version", "--client"); err != nil || !strings.HasPrefix(out, "kubectl-bind v0.0.0") {
		t.Errorf("kubectl bind version: %q, %v", out, err)
	}
	if out, err := kubectl("__complete", "bind", "un"); err != nil || !strings.HasPrefix(out, "unbind\t") {
		t.Errorf("completion: %q, %v", out, err)
	}
	if out, err := kubectl("__complete", "bind", "templates", "-o", ""); err != nil || !strings.Contains(out, "custom-columns=\n") {
		t.Errorf("completion of a flag: %q, %v", out, err)
	}
	_, err = kubectl("bind", "templates")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != cli.ExitSignIn {
		t.Errorf("kubectl bind templates: %v", err)
	}
}
