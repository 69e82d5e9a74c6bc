// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One program at a time works on a folder, and on no folder that has just gone.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dev")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil || !strings.Contains(err.Error(), "another kubectl bind dev is at work in "+dir) {
		t.Errorf("a second one: %v", err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil {
		t.Error("what is not there was locked")
	}
	unlock()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	again, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
