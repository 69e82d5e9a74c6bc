// SPDX-License-Identifier: Apache-2.0

package hack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// govulncheck is a program that answers -version as told, and ends a check with a status.
func govulncheck(t *testing.T, version string, status int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "govulncheck")
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$3\" = -version ]; then\n  echo \"DB: $2\"\n  %s\nfi\necho checked \"$@\"\nexit %d\n", version, status)
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// Only a database that cannot be reached excuses from the check, and that is said; what is vulnerable fails, and what goes wrong, too.
func TestVulnerabilities(t *testing.T) {
	const (
		reached = "echo 'DB updated: 2026-11-01 00:00:00 +0000 UTC'; exit 0"
		skipped = "govulncheck is skipped: its database https://example.org/db cannot be reached"
		checked = "checked -db https://example.org/db ./..."
	)
	for name, tc := range map[string]struct {
		version string
		status  int
		says    string
		fails   bool
	}{
		"no database":               {"exit 0", 3, skipped, false},
		"a database that hangs":     {"exec sleep 600", 3, skipped, false},
		"nothing is known":          {reached, 0, checked, false},
		"something vulnerable":      {reached, 3, checked, true},
		"something else":            {reached, 1, checked, true},
		"it crashes":                {"exit 2", 0, "-version has failed with status 2", true},
		"it crashes with an answer": {"echo 'DB updated: 2026-11-01 00:00:00 +0000 UTC'; exit 2", 0, "-version has failed with status 2", true},
		"it is killed":              {"kill -9 $$", 0, "-version has failed with status 137", true},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := vulnerabilities(t, govulncheck(t, tc.version, tc.status))
			if (err != nil) != tc.fails || !strings.Contains(out, tc.says) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	t.Run("it is absent", func(t *testing.T) {
		if out, err := vulnerabilities(t, filepath.Join(t.TempDir(), "govulncheck")); err == nil || !strings.Contains(out, "failed with status 127") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("it is no program", func(t *testing.T) {
		file := govulncheck(t, reached, 0)
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := vulnerabilities(t, file); err == nil || !strings.Contains(out, "failed with status 126") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func vulnerabilities(t *testing.T, check string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./vulnerabilities.sh", check)
	cmd.Env = append(os.Environ(), "GOVULNDB=https://example.org/db", "GOVULNDB_PATIENCE=2")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
