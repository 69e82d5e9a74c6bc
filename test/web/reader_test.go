// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// heard is what a screen reader is told of a thing on a page.
type heard struct{ role, name string }

// String is as people note it.
func (h heard) String() string { return strings.TrimSpace(h.role + " " + h.name) }

// landmark tells whether people jump to such things.
func (h heard) landmark() bool {
	return slices.Contains([]string{"banner", "navigation", "search", "main", "region", "contentinfo"}, h.role)
}

// control tells whether something can be done with it.
func (h heard) control() bool {
	return slices.Contains([]string{"link", "button", "textbox", "searchbox", "DisclosureTriangle", "DisclosureTriangleGrouped"}, h.role)
}

// listen reads the accessibility tree, in the order of the page.
func (b *tab) listen() []heard {
	b.t.Helper()
	var nodes []*accessibility.Node
	b.do("reading the accessibility tree", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		tree, err := cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err == nil {
			nodes = tree.Nodes
		}
		return err
	}))
	byID := map[accessibility.NodeID]*accessibility.Node{}
	for _, node := range nodes {
		byID[node.NodeID] = node
	}
	var out []heard
	var walk func(node *accessibility.Node)
	walk = func(node *accessibility.Node) {
		if !node.Ignored {
			out = append(out, heard{role: b.text(node.Role), name: b.text(node.Name)})
		}
		for _, id := range node.ChildIDs {
			if child := byID[id]; child != nil {
				walk(child)
			}
		}
	}
	if len(nodes) > 0 {
		walk(nodes[0])
	}
	return out
}

func (b *tab) text(v *accessibility.Value) string {
	b.t.Helper()
	if v == nil || len(v.Value) == 0 {
		return ""
	}
	var text string
	if err := json.Unmarshal(v.Value, &text); err != nil {
		b.t.Fatal(err)
	}
	return text
}

// unheard is what is wrong with a page for those who hear it: a list of sentences.
func unheard(all []heard) []string {
	var wrong []string
	seen := map[heard]int{}
	for _, h := range all {
		seen[h]++
		if h.name == "" && (h.control() || h.role == "heading" || h.role == "region" || h.role == "navigation") {
			wrong = append(wrong, fmt.Sprintf("a %s has no name", h.role))
		}
		if h.name != "" && h.landmark() && seen[h] == 2 {
			wrong = append(wrong, fmt.Sprintf("there are two of %s", h))
		}
	}
	for _, role := range []string{"banner", "main", "contentinfo"} {
		n := 0
		for h, times := range seen {
			if h.role == role {
				n += times
			}
		}
		if n != 1 {
			wrong = append(wrong, fmt.Sprintf("there are %d of %s", n, role))
		}
	}
	return wrong
}

// hears wants these on the page, in this order.
func (b *tab) hears(want ...string) {
	b.t.Helper()
	all := b.listen()
	rest := all
	for _, w := range want {
		i := slices.IndexFunc(rest, func(h heard) bool { return h.String() == w })
		if i < 0 {
			var notes []string
			for _, h := range all {
				if h.landmark() || h.control() || h.role == "heading" {
					notes = append(notes, h.String())
				}
			}
			b.t.Errorf("%q is not heard, or not in its place, among\n%s", w, strings.Join(notes, "\n"))
			return
		}
		rest = rest[i+1:]
	}
}

// What a screen reader says of the pages: landmarks to jump to, headings, and controls by names that tell what they do.
func TestScreenReader(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.hears("link Skip to the content", "banner", "link Orchard Cloud", "main", "heading Services of Orchard Cloud, in your own cluster", "link Sign in", "contentinfo")
	b.signIn("alice")
	b.hears(
		"banner", "navigation Pages", "link Services", "link My bindings", "button Sign out",
		"main", "heading Services", "search", "searchbox Search services", "button Search",
		"navigation Collections", "link All services", "link networking 2", "heading postgres", "link postgres", "contentinfo",
	)
	b.click(`a[href="/templates/postgres"]`)
	b.hears(
		"navigation Where you are", "link Services", "heading postgres", "region Bind this service", "textbox Name of the binding", "button Bind and show manifest",
		"button Bind and download", "button Copy the command", "region Resources", "region Cluster", "heading Cluster", "region What is shared", "region Namespaces",
	)
	b.click(`nav a[href="/bindings"]`)
	b.hears("main", "heading My bindings", "contentinfo")
}

// TestUnheard has the check hear what it must not like.
func TestUnheard(t *testing.T) {
	b := newTab(t)
	b.open("/")
	for script, want := range map[string]string{
		`document.querySelector("main").append(document.createElement("button"))`:                               "a button has no name",
		`document.querySelector("main").replaceWith("nothing")`:                                                 "there are 0 of main",
		`document.querySelector("main .button").replaceChildren(); document.querySelector("h1").textContent=""`: "a link has no name",
	} {
		b.evaluate("(() => { " + script + " })()")
		if got := strings.Join(unheard(b.listen()), "; "); !strings.Contains(got, want) {
			t.Errorf("%s: the check says %q, want %q", script, got, want)
		}
		b.open("/")
	}
}
