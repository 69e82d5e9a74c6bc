// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// generated are pages that a program writes and a test compares: no person marks what is in them.
const generated = "docs/reference/cli.md"

// block is a block of code on a page.
type block struct {
	page string
	line int
	// kind is how it is marked, and options are the words that follow.
	kind    string
	options []string
	text    string
	// printed is what a block that is run has to print, if the page says so.
	printed *string
}

// String is where the block is.
func (b *block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// runs tells whether a block is run.
func (b *block) runs() bool { return slices.Contains([]string{"sh", "bash", "shell"}, b.kind) }

const (
	fence  = "```"
	reason = "<!-- not run: "
	// background and answer are options.
	background = "background"
	answer     = "answer=y"
)

// parse reads the blocks of a page, and says what is wrong with how they are marked.
func parse(page, content string) (blocks []*block, wrong []string) {
	complain := func(line int, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s:%d: %s", page, line, fmt.Sprintf(format, args...)))
	}
	var open, last *block // last is the block that only blank lines have followed
	before := ""          // before is the line above
	explained := false    // explained is whether the line above that is not blank gives a reason
	for i, line := range strings.Split(content, "\n") {
		info, isFence := strings.CutPrefix(line, fence)
		switch {
		case open != nil && isFence:
			open, last = nil, open
		case open != nil:
			open.text += line + "\n"
		case isFence:
			kind, options, _ := strings.Cut(strings.TrimSpace(info), " ")
			open = &block{page: page, line: i + 1, kind: kind, options: strings.Fields(options)}
			blocks = append(blocks, open)
			if problem := open.problem(explained); problem != "" {
				complain(i+1, "%s", problem)
			}
			if open.kind == "text" && last != nil && last.runs() {
				last.printed = &open.text
			}
			last, explained = nil, false
		case strings.HasPrefix(line, "    ") && before == "":
			complain(i+1, "a block of code is marked with %s and its kind, not indented", fence)
		case strings.TrimSpace(line) != "":
			last, explained = nil, strings.HasPrefix(line, reason) && len(line) > len(reason)+len(" -->")
		}
		before = line
	}
	if open != nil {
		complain(open.line, "the block does not end")
	}
	return blocks, wrong
}

// problem is what is wrong with how a block is marked.
func (b *block) problem(explained bool) string {
	switch {
	case b.runs():
		for _, option := range b.options {
			if option != background && option != answer {
				return fmt.Sprintf("nobody knows what %q means for a block that is run", option)
			}
		}
		return ""
	case len(b.options) > 0:
		return fmt.Sprintf("a block of kind %q has no options", b.kind)
	case b.kind == "console" && !explained:
		return "a block that is not run says why, in the line before: " + reason + "... -->"
	case slices.Contains([]string{"console", "text", "yaml"}, b.kind):
		return ""
	}
	return fmt.Sprintf("nobody knows the kind %q: it is sh, console, text or yaml", b.kind)
}

// pages are all that people write, by their paths from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, start := range []string{"README.md", "docs"} {
		err := filepath.WalkDir(filepath.Join(root, start), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			content, err := os.ReadFile(path)
			name, relErr := filepath.Rel(root, path)
			if name = filepath.ToSlash(name); relErr == nil && name != generated {
				out[name] = string(content)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// All blocks of all pages are marked, and those that are marked to be run are on pages that are run.
func TestMarks(t *testing.T) {
	run := []string{quickStart, hardWay, devPage, consumerGuide, providerGuide}
	all := pages(t)
	for _, page := range run {
		if !strings.Contains(all[page], fence+"sh\n") {
			t.Errorf("%s has nothing to run", page)
		}
	}
	for page, content := range all {
		blocks, wrong := parse(page, content)
		for _, w := range wrong {
			t.Error(w)
		}
		for _, b := range blocks {
			if b.runs() && !slices.Contains(run, page) {
				t.Errorf("%s: it is marked to be run, and nothing runs it", b)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct {
		page, wrong string
	}{
		"all kinds":         {page: "```sh\na\n```\n\n```text\nb\n```\n\n```sh background\na\n```\n\n```sh answer=y\na\n```\n\n```yaml\na: b\n```\n\n<!-- not run: c -->\n```console\na\n```\n"},
		"in a list":         {page: "1. One\n   two\n   three\n"},
		"no kind":           {page: "```\na\n```\n", wrong: "nobody knows the kind"},
		"unknown kind":      {page: "```zsh\na\n```\n", wrong: "nobody knows the kind"},
		"unknown option":    {page: "```sh skip\na\n```\n", wrong: "nobody knows what \"skip\" means"},
		"option of another": {page: "```yaml background\na\n```\n", wrong: "has no options"},
		"no reason":         {page: "It goes.\n```console\na\n```\n", wrong: "says why"},
		"empty reason":      {page: "<!-- not run:  -->\n```console\na\n```\n", wrong: "says why"},
		"reason of another": {page: "<!-- not run: c -->\n```console\na\n```\n\n```console\na\n```\n", wrong: "says why"},
		"indented":          {page: "So:\n\n    rm -r /\n", wrong: "not indented"},
		"no end":            {page: "```sh\na\n", wrong: "does not end"},
	} {
		_, wrong := parse("page.md", tc.page)
		if got := strings.Join(wrong, "\n"); (got == "") != (tc.wrong == "") || !strings.Contains(got, tc.wrong) {
			t.Errorf("%s: got %q, want %q", name, got, tc.wrong)
		}
	}
	blocks, _ := parse("page.md", "```sh\na\n```\n\n```text\nb\n```\n\n```bash answer=y\nc\n```\nprose\n```text\nd\n```\n")
	if len(blocks) != 4 || blocks[0].printed == nil || *blocks[0].printed != "b\n" || blocks[2].printed != nil || !slices.Equal(blocks[2].options, []string{answer}) || !blocks[2].runs() {
		t.Errorf("got %+v", blocks)
	}
}
