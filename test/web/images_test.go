// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The documentation shows all pictures of the page that there are, and no others.
func TestImages(t *testing.T) {
	const docs = "../../docs"
	shown := map[string]bool{}
	err := filepath.WalkDir(docs, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		content, err := os.ReadFile(path)
		for _, link := range regexp.MustCompile(`\]\(([^)]*/web-[^)]*\.png)\)`).FindAllStringSubmatch(string(content), -1) {
			shown[filepath.Join(filepath.Dir(path), link[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range shown {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("the documentation shows %s: %v", file, err)
		}
	}
	files, err := filepath.Glob(docs + "/images/web-*.png")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d pictures: %v", len(files), err)
	}
	for _, file := range files {
		if !shown[file] {
			t.Errorf("nothing shows %s", strings.TrimPrefix(file, docs+"/"))
		}
	}
}
