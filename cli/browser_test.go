// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBrowserCommand(t *testing.T) {
	const url = "https://bind.example.com/?a=1&b=%20;c"
	for _, tc := range []struct {
		system, named string
		want          []string
	}{
		{"linux", "", []string{"xdg-open", url}},
		{"freebsd", "", []string{"xdg-open", url}},
		{"darwin", "", []string{"open", url}},
		{"windows", "", []string{"rundll32", "url.dll,FileProtocolHandler", url}},
		{"linux", "firefox --new-window", []string{"firefox", "--new-window", url}},
		{"windows", "  ", []string{"rundll32", "url.dll,FileProtocolHandler", url}},
		{"darwin", "lynx", []string{"lynx", url}},
	} {
		if got := browserCommand(tc.system, tc.named, url); !slices.Equal(got, tc.want) {
			t.Errorf("%s, BROWSER=%q: got %q", tc.system, tc.named, got)
		}
	}
}

// script makes a program.
func script(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "browser")
	write(t, path, "#!/bin/sh\n"+content+"\n", 0o700)
	return path
}

func TestOpenBrowser(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	t.Setenv("BROWSER", script(t, `printf %s "$1" > `+seen))
	if err := openBrowser(t.Context(), "https://x.example/?a=1&b=$(id)"); err != nil {
		t.Error(err)
	}
	if raw, err := os.ReadFile(seen); err != nil || string(raw) != "https://x.example/?a=1&b=$(id)" {
		t.Errorf("it was given %q, %v", raw, err)
	}
	t.Setenv("BROWSER", script(t, "exit 3"))
	if err := openBrowser(t.Context(), "https://x.example"); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	t.Setenv("BROWSER", filepath.Join(t.TempDir(), "none"))
	if err := openBrowser(t.Context(), "https://x.example"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A browser that goes on until it is closed holds nobody up, and is not closed by this program's end.
func TestOpenBrowserThatStays(t *testing.T) {
	lasts := filepath.Join(t.TempDir(), "lasts")
	t.Setenv("BROWSER", script(t, "trap 'exit 0' TERM; sleep 5; echo > "+lasts))
	began := time.Now()
	if err := openBrowser(t.Context(), "https://x.example"); err != nil || time.Since(began) < opens {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := openBrowser(ctx, "https://x.example"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(lasts); !os.IsNotExist(err) {
		t.Errorf("it was over before: %v", err)
	}
}
