// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeBinaries makes a folder of scripts in the place of the binaries.
func writeBinaries(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStartFailsWithTheReason(t *testing.T) {
	const forever = "exec sleep 600"
	for name, c := range map[string]struct {
		scripts map[string]string
		want    []string
	}{
		"nothing built": {nil, []string{"etcd", "make tools"}},
		"API server not built": {
			map[string]string{etcdName: forever},
			[]string{"kube-apiserver", "make tools"},
		},
		"API server dies": {
			map[string]string{etcdName: forever, apiServerName: "echo first; echo bad flag >&2; exit 3"},
			[]string{"kube-apiserver has ended (exit status 3)", "kube-apiserver.log", "first\nbad flag"},
		},
		"etcd dies": {
			map[string]string{etcdName: "echo disk full; exit 1", apiServerName: forever},
			[]string{"etcd has ended (exit status 1)", "etcd.log", "disk full"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "plane")
			_, err := Start(t.Context(), Options{Name: "broken", BinDir: writeBinaries(t, c.scripts), Dir: dir})
			if err == nil {
				t.Fatal("the control plane started")
			}
			for _, want := range append(c.want, "starting control plane broken") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not contain %q: %v", want, err)
				}
			}
			if !missing(dir) {
				t.Errorf("%s was left behind", dir)
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plane")
	bin := writeBinaries(t, map[string]string{etcdName: "exec sleep 600", apiServerName: "exec sleep 600"})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Start(ctx, Options{BinDir: bin, Dir: dir})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "last answer") {
		t.Errorf("Start returned %v, want the end of its context and the last answer", err)
	}
	if !missing(dir) {
		t.Errorf("%s was left behind", dir)
	}
}

func TestStartKeepsForeignFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(file, []byte("do not lose"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("Start returned %v, want a refusal of a folder that is not empty", err)
	}
	if missing(file) {
		t.Error("the file is gone")
	}
}

// TestStartOnAnotherPort takes the port between its choice and the start of the API server.
func TestStartOnAnotherPort(t *testing.T) {
	taken, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", taken))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := prepare(Options{Name: "unlucky"})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, c)
	choices := 0
	c.freePort = func() (int, error) {
		if choices++; choices == 1 {
			return taken, nil
		}
		return FreePort()
	}
	if err := c.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if choices != 2 {
		t.Errorf("%d ports were chosen, want 2", choices)
	}
}

func TestFreePortIsNotEphemeral(t *testing.T) {
	for range 100 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if port < firstPort || port > lastPort {
			t.Errorf("port %d is not between %d and %d", port, firstPort, lastPort)
		}
	}
}

func TestBinDir(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	t.Setenv(BinEnv, "")
	if dir, err := BinDir(); err == nil {
		t.Errorf("outside of a source tree BinDir found %s", dir)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module kube-bind.io/kube-bind\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if dir, err := BinDir(); err != nil || dir != filepath.Join(root, "bin") {
		t.Errorf("BinDir returned %q, %v; want bin in %s", dir, err, root)
	}
	t.Setenv(BinEnv, "/opt/bin")
	if dir, err := BinDir(); err != nil || dir != "/opt/bin" {
		t.Errorf("BinDir returned %q, %v; want what the environment says", dir, err)
	}
}
