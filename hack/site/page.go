// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

func markdown() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
}

// parsed reads a page.
func parsed(raw []byte) ast.Node {
	return markdown().Parser().Parse(text.NewReader(raw), parser.WithContext(parser.NewContext(parser.WithIDs(anchors{}))))
}

// page turns Markdown into a page of the site.
func (s *site) page(name string, raw []byte) ([]byte, error) {
	root := parsed(raw)
	out := frame{Title: name}
	var errs []error
	err := ast.Walk(root, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Heading:
			title := words(n, raw)
			if n.Level == 1 {
				out.Title = title
			} else if id, found := n.AttributeString("id"); found && n.Level <= 3 {
				out.Contents = append(out.Contents, link{Title: title, URL: fmt.Sprintf("#%s", id), Level: n.Level})
			}
		case *ast.Link:
			to, err := s.resolve(name, string(n.Destination))
			errs = append(errs, err)
			n.Destination = []byte(to)
		case *ast.Image:
			to, err := s.resolve(name, string(n.Destination))
			if strings.Contains(to, "//") {
				err = fmt.Errorf("%s: the image %s is another site's", name, to)
			}
			errs = append(errs, err)
			n.Destination = []byte(to)
		case *ast.HTMLBlock:
			errs = append(errs, onlyComments(name, n.Lines().Value(raw)))
		case *ast.RawHTML:
			errs = append(errs, onlyComments(name, n.Segments.Value(raw)))
		}
		return ast.WalkContinue, nil
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := markdown().Renderer().Render(&body, raw, root); err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	out.Body = template.HTML(body.String()) // It is made of pages of ours, without HTML in them.
	return s.frame(name, out)
}

// onlyComments refuses HTML on a page, which is not shown, but for comments, which nobody should see.
func onlyComments(page string, raw []byte) error {
	if trimmed := bytes.TrimSpace(raw); bytes.HasPrefix(trimmed, []byte("<!--")) && bytes.Count(raw, []byte("<")) == 1 {
		return nil
	}
	return fmt.Errorf("%s: HTML is not shown: %s", page, bytes.TrimSpace(raw))
}

// words is the text in a node.
func words(node ast.Node, raw []byte) string {
	var out strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			out.Write(t.Segment.Value(raw))
			if t.SoftLineBreak() {
				out.WriteByte(' ')
			}
			continue
		}
		out.WriteString(words(child, raw))
	}
	return out.String()
}

// navigation reads the sections of the landing page: each heading with the first link of each element of the lists below.
func (s *site) navigation() error {
	raw, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(landing)))
	if err != nil {
		return err
	}
	for node := parsed(raw).FirstChild(); node != nil; node = node.NextSibling() {
		switch n := node.(type) {
		case *ast.Heading:
			if n.Level == 2 {
				s.sections = append(s.sections, section{Title: words(n, raw)})
			}
		case *ast.List:
			if len(s.sections) == 0 {
				continue
			}
			last := &s.sections[len(s.sections)-1]
			for item := n.FirstChild(); item != nil; item = item.NextSibling() {
				if l := firstLink(item); l != nil {
					last.Links = append(last.Links, link{Title: words(l, raw), URL: path.Join(docs, string(l.Destination))})
				}
			}
		}
	}
	if len(s.sections) == 0 {
		return fmt.Errorf("%s has no sections", landing)
	}
	return nil
}

func firstLink(node ast.Node) *ast.Link {
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if l, ok := child.(*ast.Link); ok {
			return l
		}
		if l := firstLink(child); l != nil {
			return l
		}
	}
	return nil
}

// anchors are the ids of the headings on a page, as GitHub makes them, so that links to them hold there as well.
type anchors map[string]bool

// Generate implements parser.IDs.
func (a anchors) Generate(heading []byte, _ ast.NodeKind) []byte {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, string(bytes.TrimSpace(heading)))
	id := plain
	for i := 1; a[id]; i++ {
		id = plain + "-" + strconv.Itoa(i)
	}
	a[id] = true
	return []byte(id)
}

// Put implements parser.IDs.
func (a anchors) Put(id []byte) { a[string(id)] = true }
