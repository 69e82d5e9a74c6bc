// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
)

// run runs a command in this process, with a home of its own.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KUBECONFIG", filepath.Join(home, "none"))
	var out, errOut bytes.Buffer
	cmd := NewCommand(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}, Options{Version: "v1.2.3"})
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

// What makes no sense is refused before anything is done, with an exit code of its own and words that help.
func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--no-such-flag": "no-such-flag",
		"ftp://bind.example.com --template x --yes": "no URL of a kube-bind server",
		"a b":                                    "at most 1",
		"--template x --dry-run=server":          "must be none or client",
		"--template x -o xml":                    "must be json, yaml",
		"--template x -o custom-columns=NAME":    "is no column",
		"login":                                  "takes the URL",
		"login bind.example.com":                 "no URL of a kube-bind server",
		"login https://user:pw@bind.example.com": "no URL of a kube-bind server",
		"templates https://a.example https://b.example":          "at most 1",
		"templates https://a.example --server https://b.example": "name two servers",
		"deploy -f x --secret a/b":                               "one of --file and --secret",
		"deploy --secret a":                                      "must be namespace/name",
		"apiservice x":                                           "one of --template-name and --file",
		"apiservice x --name y --template-name z":                "two names",
		"apiservice -f x":                                        "needs the provider's kubeconfig",
		"apiservice -f x --remote-kubeconfig-name y":             "both are needed",
		"apiservice --template-name x --remote-kubeconfig y":     "comes from the server",
		"unbind":                           "takes the name of a binding",
		"dev":                              "create, status, example or delete",
		"dev create x":                     "takes no arguments",
		"dev create --runtime docker":      "must be embedded or kind",
		"dev create --backend-tag v1":      "--backend-tag is for --runtime=kind",
		"dev create --image-archive a.tar": "--image-archive is for --runtime=kind",
		"dev create --runtime kind --bin-dir bin":          "--bin-dir is for --runtime=embedded",
		"--template x --provider-address http://127.0.0.1": "must be a URL such as https://",
		"dev create --port 70000":                          "must be 1 to 65535",
		"dev status -o xml":                                "must be json, yaml",
		"dev example --no-such-flag":                       "no-such-flag",
		"dev delete everything --dir /tmp":                 "takes no arguments",
	} {
		t.Run(args, func(t *testing.T) {
			stdout, _, err := run(t, strings.Fields(args)...)
			if ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), want) || stdout != "" {
				t.Errorf("exit code %d, %v, stdout %q", ExitCode(err), err, stdout)
			}
		})
	}
}

func TestNobodyIsSignedIn(t *testing.T) {
	for _, args := range []string{"templates", "collections", "--template x --yes", "templates --server https://bind.example.com"} {
		_, _, err := run(t, strings.Fields(args)...)
		if ExitCode(err) != ExitSignIn || !strings.Contains(err.Error(), "kubectl bind login https://") {
			t.Errorf("%s: exit code %d, %v", args, ExitCode(err), err)
		}
		if _, err := os.Stat(filepath.Join(os.Getenv("HOME"), ".kube-bind")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a config file was made: %v", args, err)
		}
	}
}

func TestVersion(t *testing.T) {
	if stdout, _, err := run(t, "version"); err != nil || !strings.HasPrefix(stdout, "kubectl-bind v1.2.3 ") {
		t.Errorf("got %q, %v", stdout, err)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if stdout, _, err := run(t, "completion", shell); err != nil || stdout == "" {
			t.Errorf("%s: %v", shell, err)
		}
	}
}

func TestExitCode(t *testing.T) {
	api := func(code string) error {
		return fmt.Errorf("asking: %w", &backendclient.RefusedError{Err: &kubebindv1alpha2.Error{Code: code}})
	}
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{errors.New("x"), ExitFailed},
		{usage("x"), ExitUsage},
		{fmt.Errorf("y: %w", exit(ExitDeclined, errors.New("x"), "")), ExitDeclined},
		{api(kubebindv1alpha2.ErrorCodeAuthenticationFailed), ExitSignIn},
		{api(kubebindv1alpha2.ErrorCodeAuthorizationFailed), ExitRefused},
		{api(kubebindv1alpha2.ErrorCodeResourceNotFound), ExitRefused},
		{api(kubebindv1alpha2.ErrorCodeBadRequest), ExitRefused},
		{api(kubebindv1alpha2.ErrorCodeInternal), ExitFailed},
		{api(kubebindv1alpha2.ErrorCodeClusterConnectionFailed), ExitUnreachable},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), ExitTimeout},
		{fmt.Errorf("x: %w", context.Canceled), ExitInterrupted},
	} {
		if got := ExitCode(tc.err); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
}

// The file is upstream's, too: what it wrote is read.
func TestConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "config")
	empty, err := loadConfig(path)
	if err != nil || len(empty.Servers) != 0 {
		t.Fatalf("got %+v, %v", empty, err)
	}
	expires := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	s := &server{URL: "https://bind.example.com", Cluster: "root:org", AccessToken: "t", TokenType: "Bearer", ExpiresAt: expires}
	empty.Servers[s.key()], empty.Current = s, s.key()
	if err := empty.save(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "apiVersion": "v1",
  "kind": "Config",
  "servers": {
    "root:org@https://bind.example.com": {
      "url": "https://bind.example.com",
      "cluster": "root:org",
      "accessToken": "t",
      "tokenType": "Bearer",
      "expiresAt": "2026-11-21T10:00:00Z"
    }
  },
  "current": "root:org@https://bind.example.com"
}
`
	if string(raw) != want {
		t.Errorf("got %s", raw)
	}
	for file, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	again, err := loadConfig(path)
	if err != nil || !again.Servers[again.Current].signedIn(expires.Add(-tokenMargin-time.Second)) || again.Servers[again.Current].signedIn(expires.Add(-tokenMargin)) {
		t.Errorf("got %+v, %v", again, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestDecodeResponse(t *testing.T) {
	for _, raw := range []string{"", "%", "e30", "bm8ganNvbg"} {
		if c, err := decodeResponse(raw); err == nil {
			t.Errorf("%q: got %+v", raw, c)
		}
	}
}
