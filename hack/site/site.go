// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	docs = "docs"
	// landing is the page that the others are reached from.
	landing = docs + "/README.md"
	style   = "style.css"
	// marker is in every site: only what has it is replaced.
	marker = ".kube-bind-site"
)

//go:embed assets
var assets embed.FS

// site is what is being built. All paths are relative to root, with slashes.
type site struct {
	root string
	// known are all files and folders that have a place on the site, and queue those that are still to be written.
	known map[string]bool
	queue []string
	// sections are the navigation.
	sections []section
	template *template.Template
}

// section is a part of the navigation.
type section struct {
	Title string
	Links []link
}

// link is an entry of the navigation, or of the list of what is on a page.
type link struct {
	Title string
	// URL is relative to the page. In the navigation as the landing page has it, it is a path from root.
	URL     string
	Level   int
	Current bool
}

// Build writes the site, and returns the number of its pages.
func Build(root, out string) (int, error) {
	page, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return 0, fmt.Errorf("reading the template: %w", err)
	}
	s := &site{root: root, known: map[string]bool{}, template: page}
	if err := s.find(); err != nil {
		return 0, err
	}
	if err := s.navigation(); err != nil {
		return 0, err
	}
	if err := makeRoom(out); err != nil {
		return 0, err
	}
	var errs []error
	pages := 0
	for ; len(s.queue) > 0; s.queue = s.queue[1:] {
		content, err := s.content(s.queue[0])
		if err == nil {
			err = write(out, place(s.queue[0]), content)
		}
		if strings.HasSuffix(place(s.queue[0]), ".html") {
			pages++
		}
		errs = append(errs, err)
	}
	css, err := assets.ReadFile("assets/" + style)
	return pages, errors.Join(append(errs, err, write(out, style, css))...)
}

// makeRoom makes room for a site, but only where nothing is or an earlier one.
func makeRoom(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at the folder: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(out, marker)); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s is no earlier site, and is left as it is: it has no %s, but %s; name another folder, or remove it", out, marker, entries[0].Name())
	}
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("removing the last site: %w", err)
	}
	// First of all, so that one that is cut off can be replaced.
	return write(out, marker, nil)
}

func write(out, name string, content []byte) error {
	file := filepath.Join(out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// find queues the pages below docs and what lies beside them, but for code.
func (s *site) find() error {
	return filepath.WalkDir(filepath.Join(s.root, docs), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) == ".go" {
			return err
		}
		name, err := filepath.Rel(s.root, file)
		s.want(filepath.ToSlash(name))
		return err
	})
}

// want queues a file or folder, once.
func (s *site) want(name string) {
	if !s.known[name] {
		s.known[name] = true
		s.queue = append(s.queue, name)
	}
}

// place is where on the site a file or folder is.
func place(name string) string {
	inDocs, below := strings.CutPrefix(name, docs+"/")
	page, isPage := strings.CutSuffix(name, ".md")
	switch {
	case below && path.Base(name) == "README.md":
		return path.Join(path.Dir(inDocs), "index.html")
	case below && isPage:
		return strings.TrimPrefix(page, docs+"/") + ".html"
	case below && path.Ext(name) != ".go" && path.Ext(name) != "":
		return inDocs
	case isPage:
		return "project/" + page + ".html"
	case path.Ext(name) == "":
		return "source/" + name + "/index.html"
	}
	return "source/" + name + ".html"
}

// relative is the way from one file of the site to another.
func relative(from, to string) string {
	way, err := filepath.Rel(filepath.FromSlash(path.Dir(from)), filepath.FromSlash(to))
	if err != nil { // Both are relative, so there is a way.
		return to
	}
	return filepath.ToSlash(way)
}

// resolve is what a page's link becomes on the site. Another site's stays as it is.
func (s *site) resolve(page, target string) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", fmt.Errorf("%s: a link cannot be read: %w", page, err)
	}
	if u.Scheme != "" || u.Host != "" || u.Path == "" {
		return target, nil
	}
	name := path.Join(path.Dir(page), u.Path)
	if strings.HasPrefix(name, "..") || !s.exists(name) {
		return "", fmt.Errorf("%s: the link %s leads nowhere", page, target)
	}
	if readme := path.Join(name, "README.md"); s.exists(readme) {
		name = readme
	}
	s.want(name)
	u.Path = relative(place(page), place(name))
	return u.String(), nil
}

func (s *site) exists(name string) bool {
	_, err := os.Stat(filepath.Join(s.root, filepath.FromSlash(name)))
	return err == nil
}

// content is what is written for a file or folder.
func (s *site) content(name string) ([]byte, error) {
	info, err := os.Stat(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return s.folder(name)
	}
	raw, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(name)))
	switch {
	case err != nil:
		return nil, err
	case path.Ext(name) == ".md":
		return s.page(name, raw)
	case strings.HasPrefix(place(name), "source/"):
		return s.frame(name, frame{Title: name, Body: source(name, raw)})
	}
	return raw, nil
}

// frame is what the template shows.
type frame struct {
	Title    string
	Body     template.HTML
	Contents []link
	Sections []section
	Style    string
	Home     string
}

// frame puts a body between what all pages have.
func (s *site) frame(name string, f frame) ([]byte, error) {
	here := place(name)
	f.Style, f.Home = relative(here, style), relative(here, place(landing))
	for _, in := range s.sections {
		out := section{Title: in.Title, Links: slices.Clone(in.Links)}
		for i, l := range out.Links {
			to, fragment, _ := strings.Cut(l.URL, "#")
			out.Links[i].Current = to == name
			if out.Links[i].URL = relative(here, place(to)); fragment != "" {
				out.Links[i].URL += "#" + fragment
			}
		}
		f.Sections = append(f.Sections, out)
	}
	var text strings.Builder
	if err := s.template.Execute(&text, f); err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	return []byte(text.String()), nil
}
