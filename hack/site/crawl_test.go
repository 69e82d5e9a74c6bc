// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// crawl follows the links of a site, as it lies in a folder.
type crawl struct {
	dir string
	// pages are those that were found, with the ids in them.
	pages    map[string][]string
	problems []string
	anchors  []anchor
}

// anchor is a link into a page.
type anchor struct{ from, to, id string }

// loads are the attributes with which elements have something loaded; all others that name an address only lead there.
var loads = map[string]string{
	"audio": "src", "embed": "src", "iframe": "src", "image": "href", "img": "src", "input": "src", "link": "href", "object": "data",
	"script": "src", "source": "src", "track": "src", "use": "href", "video": "src",
}

// foreign are addresses in style sheets, and in the styles of drawings, that are not in the same file.
var foreign = regexp.MustCompile(`@import|url\(\s*['"]?[^#'")\s][^)]*\)|@font-face`)

func newCrawl(t *testing.T, dir string) *crawl {
	t.Helper()
	return &crawl{dir: dir, pages: map[string][]string{}}
}

func (c *crawl) complain(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// from begins at a page, and looks at all that it leads to.
func (c *crawl) from(start string) {
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		page := queue[0]
		if c.pages[page] == nil {
			c.pages[page] = []string{}
			queue = append(queue, c.look(page)...)
		}
	}
	for _, a := range c.anchors {
		if !slices.Contains(c.pages[a.to], a.id) {
			c.complain("%s: nothing in %s is called #%s", a.from, a.to, a.id)
		}
	}
	c.anchors = nil
}

// look reads a file of the site, and returns what it leads to.
func (c *crawl) look(page string) []string {
	raw, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(page)))
	if err != nil {
		c.complain("%v", err)
		return nil
	}
	if ext := path.Ext(page); ext == ".css" || ext == ".svg" {
		if found := foreign.FindString(string(raw)); found != "" {
			c.complain("%s: it loads %s", page, found)
		}
	}
	if ext := path.Ext(page); ext != ".html" && ext != ".svg" {
		return nil
	}
	tree, err := html.Parse(strings.NewReader(string(raw)))
	if err != nil {
		c.complain("%s: %v", page, err)
		return nil
	}
	var found []string
	for node := range tree.Descendants() {
		if node.Type == html.ElementNode {
			found = append(found, c.element(page, node)...)
		}
	}
	return found
}

func (c *crawl) element(page string, node *html.Node) (found []string) {
	alt := false
	for _, attribute := range node.Attr {
		switch key := attribute.Key; {
		case key == "id":
			c.pages[page] = append(c.pages[page], attribute.Val)
		case key == "alt":
			alt = attribute.Val != ""
		case key == "srcset", key == "style", strings.HasPrefix(key, "on"):
			c.complain("%s: a %s has %s", page, node.Data, key)
		case key == loads[node.Data], key == "src", key == "href" && node.Data == "a":
			found = append(found, c.follow(page, node.Data, attribute.Val)...)
		}
	}
	if node.Data == "img" && !alt {
		c.complain("%s: a picture says nothing to those who do not see it", page)
	}
	return found
}

// follow looks where an element of a page leads.
func (c *crawl) follow(page, element, target string) []string {
	u, err := url.Parse(target)
	if err != nil {
		c.complain("%s: %v", page, err)
		return nil
	}
	if u.Scheme != "" || u.Host != "" {
		if element != "a" {
			c.complain("%s: a %s is loaded from %s", page, element, target)
		}
		return nil
	}
	to := page
	if u.Path != "" {
		to = path.Join(path.Dir(page), u.Path)
	}
	if info, err := os.Stat(filepath.Join(c.dir, filepath.FromSlash(to))); err != nil || info.IsDir() || strings.HasPrefix(u.Path, "/") {
		c.complain("%s: %s leads nowhere", page, target)
		return nil
	}
	if u.Fragment != "" {
		c.anchors = append(c.anchors, anchor{from: page, to: to, id: u.Fragment})
	}
	return []string{to}
}

// What the crawl looks for it finds.
func TestCrawl(t *testing.T) {
	for name, tc := range map[string]struct{ page, want string }{
		"a script of another site":   {`<script src="https://example.com/a.js"></script>`, "is loaded from"},
		"a style of another site":    {`<link rel="stylesheet" href="//example.com/a.css">`, "is loaded from"},
		"a picture of another site":  {`<img alt="a" src="http://example.com/a.png">`, "is loaded from"},
		"a picture without words":    {`<img src="a.svg">`, "says nothing"},
		"a page that is not there":   {`<a href="nowhere.html">a</a>`, "leads nowhere"},
		"a folder":                   {`<a href="folder">a</a>`, "leads nowhere"},
		"a path from the root":       {`<a href="/other.html">a</a>`, "leads nowhere"},
		"an anchor that is not here": {`<a href="#nowhere">a</a>`, "is called #nowhere"},
		"an anchor elsewhere":        {`<a href="other.html#nowhere">a</a>`, "is called #nowhere"},
		"a font in a style":          {`<link rel="stylesheet" href="font.css">`, "it loads"},
		"a drawing that loads":       {`<img alt="a" src="loads.svg">`, "is loaded from"},
		"a script in an attribute":   {`<p onclick="a()">a</p>`, "has onclick"},
		"nothing":                    {`<a href="other.html#here">a</a><a href="https://example.com">b</a><img alt="a" src="a.svg">`, ""},
	} {
		dir := planted(t, map[string]string{
			"index.html": tc.page, "other.html": `<p id="here">a</p>`, "folder/a.html": "", "a.svg": `<svg><path d="M0 0" marker-end="url(#to)"/></svg>`,
			"font.css": `@font-face { src: url(https://example.com/a.woff) }`, "loads.svg": `<svg><image href="https://example.com/a.png"/></svg>`,
		})
		c := newCrawl(t, dir)
		c.from("index.html")
		if got := strings.Join(c.problems, "\n"); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}
