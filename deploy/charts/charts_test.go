// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"io/fs"
	"maps"
	"os"
	"testing"
)

// What is embedded is the chart, with all of its files.
func TestBackend(t *testing.T) {
	embedded, err := Backend()
	if err != nil {
		t.Fatal(err)
	}
	have, want := files(t, embedded), files(t, os.DirFS("backend"))
	if !maps.Equal(have, want) || want["templates/_helpers.tpl"] == "" {
		t.Errorf("got %d files, want %d", len(have), len(want))
	}
}

func files(t *testing.T, from fs.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(from, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(from, path)
		out[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
