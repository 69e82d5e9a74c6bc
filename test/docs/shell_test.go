// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
)

// limit is how long a block may take: for what hangs, not for what is slow on a busy machine.
const limit = 5 * time.Minute

// shell is somebody at a terminal: what one block exports, the next one has.
type shell struct {
	dir string
	env []string
}

// newShell has the shipped programs, kubectl and the demo in its PATH, and a browser that signs in as alice.
func newShell(t *testing.T, env ...string) *shell {
	t.Helper()
	dir := t.TempDir()
	bin, err := pair.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	demo := filepath.Join(bin, "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "../../hack/demo").CombinedOutput(); err != nil {
		t.Fatalf("building the demo: %v\n%s", err, out)
	}
	tools, err := controlplane.BinDir()
	if err == nil {
		err = os.Symlink(filepath.Join(tools, "kubectl"), filepath.Join(bin, "kubectl"))
	}
	if err != nil {
		t.Fatal(err)
	}
	// Go has its caches in the real home.
	caches, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache, modules, _ := strings.Cut(strings.TrimSpace(string(caches)), "\n")
	return &shell{dir: dir, env: slices.Concat(os.Environ(), []string{
		"GOCACHE=" + cache, "GOMODCACHE=" + modules,
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "BROWSER=" + demo + " browse", controlplane.BinEnv + "=" + tools,
	}, env)}
}

// script writes a file for bash that goes on where the last one ended.
func (s *shell) script(t *testing.T, text string) (file string) {
	t.Helper()
	exports := filepath.Join(s.dir, "exports")
	text = "set -euo pipefail\n[ ! -e " + exports + " ] || . " + exports + "\n" + text + "\nexport -p >" + exports + "\n"
	out, err := os.CreateTemp(s.dir, "block-*")
	if err == nil {
		_, err = out.WriteString(text)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// run runs a text, and returns what it prints.
func (s *shell) run(t *testing.T, text string, answers bool) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", s.script(t, text))
	if answers {
		cmd = exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", strings.Join(cmd.Args, " "), "/dev/null")
		cmd.Stdin = strings.NewReader("y\n")
	}
	cmd.Dir, cmd.Env = root, s.env
	// What a block leaves running in the background must not keep its output open.
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(out), "\r\n", "\n"), err
}

// start runs a block until the test ends; it must not end before.
func (s *shell) start(t *testing.T, b *block) {
	t.Helper()
	cmd := exec.Command("bash", s.script(t, b.text)) //nolint:noctx // It is ended with all that it has started, below.
	log, err := os.Create(filepath.Join(s.dir, "background.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, s.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		defer log.Close()
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log.Name())
			t.Errorf("%s: it has ended: %v\n%s", b, err, said)
			return
		default:
		}
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ended:
			t.Logf("%s: %v", b, err)
		case <-time.After(limit):
			t.Errorf("%s: it does not end", b)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	})
}

// walk runs the blocks of a page.
func (s *shell) walk(t *testing.T, page string) {
	t.Helper()
	blocks, wrong := parse(page, pages(t)[page])
	if len(wrong) > 0 {
		t.Fatal(strings.Join(wrong, "\n"))
	}
	for _, b := range blocks {
		switch {
		case !b.runs():
		case slices.Contains(b.options, background):
			s.start(t, b)
		default:
			out, err := s.run(t, b.text, slices.Contains(b.options, answer))
			if err != nil {
				t.Fatalf("%s: %v\n%s\n%s", b, err, b.text, out)
			}
			if b.printed != nil && !expected(*b.printed).MatchString(squeeze(out)) {
				t.Errorf("%s: it prints\n%s\nthe page says\n%s", b, out, *b.printed)
			}
		}
	}
}

// squeeze makes all gaps in lines one space wide: how wide columns are depends on what is in them.
func squeeze(text string) string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n") + "\n"
}

// expected is what output must be, all of it.
func expected(text string) *regexp.Regexp {
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(squeeze(text)), "\n") {
		if line == "..." {
			out.WriteString(`(?:.*\n)*?`)
			continue
		}
		var parts []string
		for _, part := range strings.Split(line, "...") {
			parts = append(parts, regexp.QuoteMeta(part))
		}
		out.WriteString(strings.Join(parts, ".*?") + "\n")
	}
	return regexp.MustCompile("^" + out.String() + "$")
}

func TestExpected(t *testing.T) {
	for _, tc := range []struct {
		says, prints string
		want         bool
	}{
		{"NAME    AGE\ncowboys ...s", "NAME      AGE\ncowboys   12s\n", true},
		{"NAME    AGE\ncowboys ...s", "NAME      AGE\nsheriffs  12s\n", false},
		{"...\nDone", "a\nb\nDone\n", true},
		{"...\nDone", "a\nb\nDone\nc\n", false},
		{"a.b", "axb\n", false},
		{"a", "a\nb\n", false},
	} {
		if got := expected(tc.says).MatchString(squeeze(tc.prints)); got != tc.want {
			t.Errorf("%q says what %q prints: %t", tc.says, tc.prints, got)
		}
	}
}
