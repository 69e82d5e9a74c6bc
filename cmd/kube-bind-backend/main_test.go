// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// JSON is a format of the log that the chart offers: the backend gets as far with it as with any other.
func TestLogsAsJSON(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	cmd := newCommand()
	cmd.SetArgs([]string{"--logging-format=json", "--frontend-disabled", "--kubeconfig=" + missing})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v, want that there is no %s", err, missing)
	}
}
