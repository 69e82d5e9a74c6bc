// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// The site of this project: every page can be reached from the landing page, every link and anchor leads somewhere, and nothing is
// loaded from elsewhere.
func TestSite(t *testing.T) {
	out := t.TempDir()
	n, err := Build(root, out)
	if err != nil {
		t.Fatal(err)
	}
	c := newCrawl(t, out)
	c.from("index.html")
	for _, problem := range c.problems {
		t.Error(problem)
	}
	pages := 0
	err = filepath.WalkDir(filepath.Join(root, docs), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".md" {
			return err
		}
		name, err := filepath.Rel(root, file)
		if page := place(filepath.ToSlash(name)); c.pages[page] == nil {
			t.Errorf("%s cannot be reached from the landing page", name)
		}
		pages++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 40 || n < pages {
		t.Errorf("there are %d pages of documentation, and %d on the site", pages, n)
	}
}

// A site is built anew as a whole: what is not there any more goes.
func TestBuildReplaces(t *testing.T) {
	out := filepath.Join(t.TempDir(), "site")
	project := planted(t, map[string]string{"docs/README.md": "# Home\n\n## Part\n\n- [Page](page.md)\n", "docs/page.md": "# Page\n"})
	if _, err := Build(project, out); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(out, "page.html"), filepath.Join(out, "older.html")); err != nil {
		t.Fatal(err)
	}
	if n, err := Build(project, out); err != nil || n != 2 {
		t.Fatalf("%d pages: %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(out, "older.html")); !os.IsNotExist(err) {
		t.Errorf("what an earlier run left is still there: %v", err)
	}
}

// What is no site is never removed.
func TestBuildSparesOthers(t *testing.T) {
	project := planted(t, map[string]string{"docs/README.md": "# Home\n\n## Part\n\n- [Page](page.md)\n", "docs/page.md": "# Page\n"})
	for _, out := range []string{project, filepath.Join(project, "docs"), filepath.Join(project, "docs", "page.md")} {
		if _, err := Build(project, out); err == nil {
			t.Errorf("a site is built at %s", out)
		}
		if _, err := os.Stat(filepath.Join(project, "docs", "page.md")); err != nil {
			t.Fatalf("after a site at %s: %v", out, err)
		}
	}
}

// What cannot be shown is refused when the site is built.
func TestBuildRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ page, want string }{
		"a link that leads nowhere":   {"[a](nowhere.md)", "leads nowhere"},
		"a link out of the project":   {"[a](../../README.md)", "leads nowhere"},
		"an image that is not there":  {"![a](nowhere.svg)", "leads nowhere"},
		"an image of another site":    {"![a](https://example.com/a.png)", "another site's"},
		"an image without a scheme":   {"![a](//example.com/a.png)", "another site's"},
		"HTML":                        {"<script src=\"https://example.com/a.js\"></script>", "HTML is not shown"},
		"HTML within a line":          {"So <b>bold</b>.", "HTML is not shown"},
		"HTML that hides as comment":  {"<!-- a --><script>b</script>", "HTML is not shown"},
		"nothing that is wrong":       {"[a](https://example.com/a)\n\n<!-- not run: because -->\n```console\na\n```\n", ""},
		"nothing wrong with a folder": {"[a](../code) [b](../code/a.go) [c](../LICENSE)", ""},
	} {
		project := planted(t, map[string]string{
			"docs/README.md": "# Home\n\n## Part\n\n- [Page](page.md)\n", "docs/page.md": "# Page\n\n" + tc.page + "\n",
			"code/a.go": "package a // <&>\n", "code/a_test.go": "package a\n", "LICENSE": "free\n",
		})
		out := t.TempDir()
		_, err := Build(project, out)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "docs/page.md") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := newCrawl(t, out)
		c.from("index.html")
		if len(c.problems) > 0 {
			t.Errorf("%s: %v", name, c.problems)
		}
	}
}

// planted is a project with these files.
func planted(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := write(dir, name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAnchors(t *testing.T) {
	a := anchors{}
	for _, tc := range [][2]string{
		{"`NotOffered`", "notoffered"},
		{"1. The provider's backend", "1-the-providers-backend"},
		{"What is *not* followed", "what-is-not-followed"},
		{"kubectl bind dev create", "kubectl-bind-dev-create"},
		{"What is not followed", "what-is-not-followed-1"},
		{"Größe & Maß", "größe--maß"},
	} {
		if got := string(a.Generate([]byte(tc[0]), 0)); got != tc[1] {
			t.Errorf("%q becomes %q, not %q", tc[0], got, tc[1])
		}
	}
}

func TestPlace(t *testing.T) {
	for name, want := range map[string]string{
		"docs/README.md":                       "index.html",
		"docs/quick-start.md":                  "quick-start.html",
		"docs/reference/http-api/README.md":    "reference/http-api/index.html",
		"docs/reference/http-api/openapi.yaml": "reference/http-api/openapi.yaml",
		"docs/images/a.svg":                    "images/a.svg",
		"docs/reference/security_test.go":      "source/docs/reference/security_test.go.html",
		"SECURITY.md":                          "project/SECURITY.html",
		"doc.go":                               "source/doc.go.html",
		"LICENSE":                              "source/LICENSE/index.html",
		"konnector/sync/plan":                  "source/konnector/sync/plan/index.html",
	} {
		if got := place(name); got != want {
			t.Errorf("%s is at %s, not %s", name, got, want)
		}
	}
}
