// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	securityPage = "../security.md"
	// weaknesses is how many there are.
	weaknesses = 19
)

// Every weakness has a test that is called after it, and every test that is called after one is on the page.
func TestSecurityTests(t *testing.T) {
	raw, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	rows := regexp.MustCompile(`(?m)^\| SEC-(\d+) \|.*\|([^|]*)\|$`).FindAllStringSubmatch(string(raw), -1)
	if len(rows) != weaknesses {
		t.Fatalf("there are %d rows", len(rows))
	}
	listed := map[string]bool{}
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) {
			t.Fatalf("row %d is of SEC-%s", i+1, row[1])
		}
		called := regexp.MustCompile(`SEC-?` + row[1] + `($|\D)`)
		named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1)
		if len(named) == 0 {
			t.Errorf("SEC-%s has no test", row[1])
		}
		for _, name := range named {
			if listed[name[1]] = true; !tests[name[1]] {
				t.Errorf("SEC-%s: there is no test %s", row[1], name[1])
			}
			if !called.MatchString(name[1]) {
				t.Errorf("SEC-%s: the test %s is not called after it", row[1], name[1])
			}
		}
	}
	for name := range tests {
		if regexp.MustCompile(`SEC-?\d`).MatchString(name) && !listed[name] {
			t.Errorf("%s is not on the page", name)
		}
	}
}

// testNames are the names of all tests of the project, as "folder.TestName", and of those that are called after a weakness within
// one, as "folder.TestName/SEC-1 name".
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			name := filepath.ToSlash(folder) + "." + f.Name.Name
			out[name] = true
			ast.Inspect(f, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(literal.Value); err == nil && regexp.MustCompile(`^SEC-\d+ `).MatchString(text) {
					out[name+"/"+text] = true
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
