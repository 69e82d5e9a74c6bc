// SPDX-License-Identifier: Apache-2.0

// Package reference tests the reference pages against the code that they describe.
package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	page      = "conditions.md"
	root      = "../.."
	constants = root + "/apis/kubebind/v1alpha2/reasons.go"
)

// constant is a documented string constant.
type constant struct{ name, value, doc string }

// group is a const block with its comment.
type group struct {
	doc       string
	constants []constant
}

// parse reads the exported constants of a file whose names begin with one of the prefixes.
func parse(t *testing.T, file string, prefixes ...string) []group {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var groups []group
	for _, declaration := range parsed.Decls {
		block, ok := declaration.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		g := group{doc: oneLine(block.Doc.Text())}
		for _, spec := range block.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok {
				t.Fatalf("%s: a constant is a %T", file, spec)
			}
			if c, ok := read(t, block, value); ok && hasPrefix(c.name, prefixes) {
				g.constants = append(g.constants, c)
			}
		}
		if len(g.constants) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func read(t *testing.T, block *ast.GenDecl, spec *ast.ValueSpec) (constant, bool) {
	t.Helper()
	if len(spec.Values) != 1 || !spec.Names[0].IsExported() {
		return constant{}, false
	}
	literal, ok := spec.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return constant{}, false
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	doc := spec.Doc
	if doc == nil && !block.Lparen.IsValid() {
		doc = block.Doc
	}
	return constant{name: spec.Names[0].Name, value: value, doc: oneLine(doc.Text())}, true
}

func hasPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) && name != p })
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// meaning turns "ReasonX means that the Y is Z." into "The Y is Z.", and "ConditionX, on a Y, says" into "On a Y, says".
func (c constant) meaning() string {
	text := strings.TrimLeft(strings.TrimPrefix(c.doc, c.name), ", ")
	for _, phrase := range []string{"means that ", "says that "} {
		text = strings.TrimPrefix(text, phrase)
	}
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// generated is the second half of the page.
func generated(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("## Types\n\n")
	for _, g := range parse(t, constants, "Condition") {
		table(&out, "type", g.constants)
	}
	out.WriteString("## Reasons\n")
	for _, g := range parse(t, constants, "Reason") {
		fmt.Fprintf(&out, "\n### %s\n\n", strings.TrimSuffix(g.doc, "."))
		table(&out, "reason", g.constants)
	}
	out.WriteString("\n### Reasons of Events on single objects, and of targets\n\n")
	table(&out, "reason", others(t))
	return out.String()
}

// others are the reasons that the components keep to themselves.
func others(t *testing.T) []constant {
	t.Helper()
	byValue := map[string]constant{}
	for _, dir := range []string{"backend", "konnector", "providers"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, g := range parse(t, path, "Reason") {
				for _, c := range g.constants {
					if have, taken := byValue[c.value]; !taken || c.doc < have.doc {
						byValue[c.value] = c
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range parse(t, constants, "Reason") {
		for _, c := range g.constants {
			delete(byValue, c.value)
		}
	}
	return slices.SortedFunc(maps.Values(byValue), func(a, b constant) int { return strings.Compare(a.value, b.value) })
}

func table(out *strings.Builder, head string, constants []constant) {
	fmt.Fprintf(out, "| %s | meaning |\n|---|---|\n", head)
	for _, c := range constants {
		fmt.Fprintf(out, "| `%s` | %s |\n", c.value, strings.ReplaceAll(c.meaning(), "|", `\|`))
	}
	if head == "type" {
		out.WriteString("\n")
	}
}

const mark = "<!-- From here on the page is written by `go test ./docs/reference -args update` from the constants in the code. -->\n"

// TestPageIsCurrent compares the page with the code, or writes it anew.
func TestPageIsCurrent(t *testing.T) {
	written, _, ok := strings.Cut(readPage(t), mark)
	if !ok {
		t.Fatalf("%s has no line %q", page, mark)
	}
	isCurrent(t, page, written+mark+"\n"+generated(t))
}

// TestEveryConstantIsDocumented sees that no constant is without a meaning.
func TestEveryConstantIsDocumented(t *testing.T) {
	groups := slices.Concat(parse(t, constants, "Condition"), parse(t, constants, "Reason"))
	if len(groups) < 5 {
		t.Fatalf("only %d groups of constants in %s", len(groups), constants)
	}
	for _, c := range append(others(t), flatten(groups)...) {
		if !strings.HasPrefix(c.doc, c.name+" ") && !strings.HasPrefix(c.doc, c.name+", ") {
			t.Errorf("the comment of %s is %q", c.name, c.doc)
		}
	}
}

// TestEveryConstantHasItsObject sees that the table by object, which is written by hand, knows all types and reasons,
// and no others.
func TestEveryConstantHasItsObject(t *testing.T) {
	written, _, _ := strings.Cut(readPage(t), mark)
	_, byObject, ok := strings.Cut(written, "## By object")
	if !ok {
		t.Fatal("the page has no table by object")
	}
	var named []string
	for _, match := range regexp.MustCompile("`([A-Z][A-Za-z]+)`").FindAllStringSubmatch(byObject, -1) {
		named = append(named, match[1])
	}
	var known []string
	for _, c := range flatten(slices.Concat(parse(t, constants, "Condition"), parse(t, constants, "Reason"))) {
		known = append(known, c.value)
		if !slices.Contains(named, c.value) {
			t.Errorf("%s is nowhere in the table by object", c.value)
		}
	}
	for _, c := range others(t) {
		known = append(known, c.value)
	}
	for _, name := range named {
		if !slices.Contains(known, name) {
			t.Errorf("the table by object names %s, which no code knows", name)
		}
	}
}

func flatten(groups []group) []constant {
	var out []constant
	for _, g := range groups {
		out = append(out, g.constants...)
	}
	return out
}

func readPage(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
