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

// govulncheck is a program that answers -version as the real one does, with or without its database, and ends a check with a status.
func govulncheck(t *testing.T, reached bool, status int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "govulncheck")
	updated := ""
	if reached {
		updated = "echo 'DB updated: 2026-11-01 00:00:00 +0000 UTC'"
	}
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$3\" = -version ]; then\n  echo \"DB: $2\"\n  %s\n  exit 0\nfi\necho checked \"$@\"\nexit %d\n", updated, status)
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// Only a database that cannot be reached excuses from the check, and that is said; what is vulnerable fails, and what goes wrong, too.
func TestVulnerabilities(t *testing.T) {
	for name, tc := range map[string]struct {
		reached bool
		status  int
		says    string
		fails   bool
	}{
		"no database":          {false, 3, "govulncheck is skipped: its database https://example.org/db cannot be reached", false},
		"nothing is known":     {true, 0, "checked -db https://example.org/db ./...", false},
		"something vulnerable": {true, 3, "checked -db https://example.org/db ./...", true},
		"something else":       {true, 1, "checked -db https://example.org/db ./...", true},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "./vulnerabilities.sh", govulncheck(t, tc.reached, tc.status))
			cmd.Env = append(os.Environ(), "GOVULNDB=https://example.org/db")
			out, err := cmd.CombinedOutput()
			if (err != nil) != tc.fails || !strings.Contains(string(out), tc.says) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
