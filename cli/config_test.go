// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// signInDoor lets everybody in.
func signInDoor(t *testing.T) string {
	t.Helper()
	var url string
	server := door(t, map[string]any{
		"GET /api/exports": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"version":"v9","providerPrettyName":"BigCorp","authenticationMethods":[{"method":"OAuth2CodeGrant","oauth2CodeGrant":{"authenticatedURL":%q}}]}`, url+"/api/authorize")
		},
		"POST /api/token": map[string]any{"access_token": "secret-token", "token_type": "Bearer", "expires_in": 3600, "name": "alice"},
	})
	url = server.URL
	return url
}

// loginByCode signs in with a code that is typed in.
func (w *terminal) loginByCode(ctx context.Context, url string, args ...string) result {
	mine := *w
	mine.in = strings.NewReader("the-code\n")
	return mine.run(ctx, append([]string{"login", url, "--skip-browser"}, args...)...)
}

// However the file was, its owner alone can read it after signing in.
func TestConfigFileIsPrivate(t *testing.T) {
	url := signInDoor(t)
	for name, prepare := range map[string]func(t *testing.T, path string){
		"there is none": func(*testing.T, string) {},
		"others could read it": func(t *testing.T, path string) {
			write(t, path, `{"apiVersion":"v1","kind":"Config","servers":{"https://other.example":{"url":"https://other.example"}}}`, 0o644)
		},
		"it is empty JSON": func(t *testing.T, path string) { write(t, path, `{"servers":{"x":null}}`, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTerminal(t, "")
			prepare(t, w.config)
			got := w.loginByCode(t.Context(), url)
			got.wants(t, ExitOK, "Successfully authenticated", w.config)
			if got.stdout != "" {
				t.Errorf("stdout is %q", got.stdout)
			}
			isPrivate(t, w.config)
			file, err := loadConfig(w.config)
			if err != nil || file.Servers[file.Current].AccessToken != "secret-token" || file.Servers[file.Current].Username != "alice" {
				t.Errorf("got %+v, %v", file, err)
			}
			if other := strings.HasPrefix(name, "others"); other && file.Servers["https://other.example"] == nil {
				t.Error("another server is forgotten")
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(w.config), "*")); err != nil || !slices.Equal(left, []string{w.config, w.config + ".lock"}) {
				t.Errorf("there are %v, %v", left, err)
			}
		})
	}
}

func isPrivate(t *testing.T, path string) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%s is %v, %v", path, info.Mode(), err)
	}
}

func TestConfigFileThatOthersRead(t *testing.T) {
	server := door(t, map[string]any{"GET /api/templates": map[string]any{}})
	w := newTerminal(t, server.URL)
	if got := w.run(t.Context(), "templates"); strings.Contains(got.stderr, "Warning") {
		t.Errorf("it is private, and yet: %s", got.stderr)
	}
	if err := os.Chmod(w.config, 0o640); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), "templates").wants(t, ExitOK, "Warning: others on this machine can read your tokens", "chmod 600 "+w.config)
}

// Who keeps the file elsewhere, behind a link, finds it there afterwards.
func TestConfigFileIsLink(t *testing.T) {
	url := signInDoor(t)
	for _, exists := range []bool{true, false} {
		t.Run(strconv.FormatBool(exists), func(t *testing.T) {
			w := newTerminal(t, "")
			real := filepath.Join(t.TempDir(), "dotfiles", "kube-bind")
			if exists {
				if err := os.Mkdir(filepath.Dir(real), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, real, "{}", 0o666)
			}
			relative, err := filepath.Rel(filepath.Dir(w.config), real)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(relative, w.config); err != nil {
				t.Fatal(err)
			}
			w.loginByCode(t.Context(), url).wants(t, ExitOK)
			isPrivate(t, real)
			if info, err := os.Lstat(w.config); err != nil || info.Mode()&os.ModeSymlink == 0 {
				t.Errorf("it is no link any more: %v, %v", info, err)
			}
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		w := newTerminal(t, "")
		if err := os.Symlink(w.config, w.config); err != nil {
			t.Fatal(err)
		}
		w.loginByCode(t.Context(), url).wants(t, ExitFailed, "reading the config file", "--config-file")
	})
}

// What cannot be read is left as it is, and the person told.
func TestConfigFileIsBroken(t *testing.T) {
	for name, content := range map[string]string{"half": `{"apiVersion":"v1","servers":{`, "another": "current: yaml", "of other types": `{"servers":[]}`} {
		t.Run(name, func(t *testing.T) {
			w := newTerminal(t, "")
			write(t, w.config, content, 0o600)
			for _, command := range []string{"login https://bind.example.com", "logout", "templates", "version"} {
				got := w.run(t.Context(), strings.Fields(command)...)
				if command == "version" {
					got.stdout = ""
				}
				got.wants(t, ExitFailed, "reading the config file "+w.config, "--config-file", "sign in again")
			}
			if raw, err := os.ReadFile(w.config); err != nil || string(raw) != content {
				t.Errorf("it is now %q, %v", raw, err)
			}
		})
	}
	w := newTerminal(t, "")
	if err := os.Mkdir(w.config, 0o700); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), "templates").wants(t, ExitFailed, "is a directory", "--config-file")
}

// Commands that sign in at the same time all do.
func TestConfigFileIsWrittenAtOnce(t *testing.T) {
	url := signInDoor(t)
	w := newTerminal(t, "")
	// A command that was killed left this long ago.
	write(t, w.config+".lock", "", 0o600)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.config+".lock", old, old); err != nil {
		t.Fatal(err)
	}
	const people = 12
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			if got := w.loginByCode(t.Context(), url, "--cluster", fmt.Sprintf("root:%d", i)); got.code != ExitOK {
				t.Errorf("exit code %d: %s", got.code, got.stderr)
			}
		})
	}
	all.Wait()
	file, err := loadConfig(w.config)
	if err != nil || len(file.Servers) != people {
		t.Errorf("%d of %d are in the file: %v", len(file.Servers), people, err)
	}
	isPrivate(t, w.config)
}

func TestConfigFileIsLocked(t *testing.T) {
	w := newTerminal(t, "")
	held := w.config + ".lock"
	unlock, err := lock(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody holds it, for however long.
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(held, old, old); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = changeConfig(ctx, w.config, func(*config) { t.Error("it was changed") })
	if ExitCode(err) != ExitFailed || !strings.Contains(err.Error(), "again when no other kubectl bind runs that uses "+held) {
		t.Errorf("got %v", err)
	}
	// Nobody does any more. The file tells nothing of that, as it does not if whoever held it was killed.
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	changed := false
	if err := changeConfig(t.Context(), w.config, func(*config) { changed = true }); err != nil || !changed {
		t.Errorf("changed %t, %v", changed, err)
	}
}

// Which server is meant.
func TestChosen(t *testing.T) {
	servers := map[string]*server{}
	for _, s := range []*server{
		{URL: "https://a.example", AccessToken: "a"},
		{URL: "https://b.example", Cluster: "root:x", AccessToken: "b"},
		{URL: "https://c.example", Cluster: "root:x", AccessToken: "c1"}, {URL: "https://c.example", Cluster: "root:y", AccessToken: "c2"},
	} {
		servers[s.key()] = s
	}
	for _, tc := range []struct{ current, argument, server, cluster, want string }{
		{current: "https://a.example", want: "https://a.example a"},
		{current: "https://a.example", cluster: "root:z", want: "root:z@https://a.example "},
		{current: "root:x@https://c.example", cluster: "root:y", want: "root:y@https://c.example c2"},
		{current: "root:x@https://c.example", cluster: "root:x", want: "root:x@https://c.example c1"},
		{current: "https://a.example", argument: "https://b.example/some/path", want: "root:x@https://b.example b"},
		{current: "https://a.example", server: "https://b.example", cluster: "root:x", want: "root:x@https://b.example b"},
		{current: "https://a.example", server: "https://b.example", argument: "https://b.example", want: "root:x@https://b.example b"},
		{current: "https://a.example", server: "https://c.example", want: "https://c.example "},
		{current: "https://a.example", server: "https://c.example", cluster: "root:y", want: "root:y@https://c.example c2"},
		{argument: "http://new.example:8080", want: "http://new.example:8080 "},
	} {
		c := &cli{serverURL: tc.server, cluster: tc.cluster}
		file := &config{Servers: servers, Current: tc.current}
		got, err := c.chosen(file, tc.argument)
		if err != nil {
			t.Errorf("%+v: %v", tc, err)
			continue
		}
		if got = c.known(file, got); got.key()+" "+got.AccessToken != tc.want {
			t.Errorf("%+v: got %s %s", tc, got.key(), got.AccessToken)
		}
	}
}
