// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// result is what a command left.
type result struct {
	stdout, stderr string
	code           int
}

// terminal is somebody who runs commands in this process: with a config file, and perhaps a cluster.
type terminal struct {
	config     string
	kubeconfig string
	options    Options
	in         io.Reader
}

// newTerminal is somebody who is signed in at a server, if it is not "".
func newTerminal(t *testing.T, url string) *terminal {
	t.Helper()
	out := &terminal{config: filepath.Join(t.TempDir(), "config"), kubeconfig: filepath.Join(t.TempDir(), "none"), in: &bytes.Buffer{}}
	out.options.Version = "v1.2.3"
	if url != "" {
		out.signIn(t, &server{URL: url, AccessToken: "secret-token", ExpiresAt: time.Now().Add(time.Hour)})
	}
	return out
}

func (w *terminal) signIn(t *testing.T, s *server) {
	t.Helper()
	if err := changeConfig(t.Context(), w.config, func(c *config) { c.Servers[s.key()], c.Current = s, s.key() }); err != nil {
		t.Fatal(err)
	}
}

// run runs a command, as main does.
func (w *terminal) run(ctx context.Context, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := w.runWith(ctx, genericiooptions.IOStreams{In: w.in, Out: &stdout, ErrOut: &stderr}, args...)
	return result{stdout: stdout.String(), stderr: stderr.String(), code: code}
}

func (w *terminal) runWith(ctx context.Context, streams genericiooptions.IOStreams, args ...string) int {
	cmd := NewCommand(streams, w.options)
	if !strings.HasPrefix(strings.Join(args, " "), "completion") {
		args = append(args, "--config-file", w.config, "--kubeconfig", w.kubeconfig)
	}
	cmd.SetArgs(args)
	return Execute(ctx, cmd)
}

// wants checks an exit code, that words stand in stderr, and that results are on stdout only if there is one.
func (r result) wants(t *testing.T, code int, words ...string) {
	t.Helper()
	var wrong []string
	if r.code != code {
		wrong = append(wrong, fmt.Sprintf("exit code %d, want %d", r.code, code))
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			wrong = append(wrong, fmt.Sprintf("stderr does not say %q", word))
		}
	}
	if code != ExitOK && code != ExitUnhealthy && r.stdout != "" {
		wrong = append(wrong, "a command that failed has a result")
	}
	if strings.Contains(r.stdout+r.stderr, "secret-token") {
		wrong = append(wrong, "the token is shown")
	}
	if len(wrong) > 0 {
		t.Errorf("%s\nstdout:\n%s\nstderr:\n%s", strings.Join(wrong, "; "), r.stdout, r.stderr)
	}
}

// door is a server that answers as a kube-bind server would.
func door(t *testing.T, routes map[string]any) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for route, answer := range routes {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			if f, ok := answer.(func(http.ResponseWriter, *http.Request)); ok {
				f(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		})
	}
	out := httptest.NewServer(mux)
	t.Cleanup(out.Close)
	return out
}

// refuses answers with an Error.
func refuses(status int, code, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message})
	}
}

// page answers with HTML, as proxies do.
func page(status int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<!doctype html><title>nginx</title>")
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	// The umask took part.
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
