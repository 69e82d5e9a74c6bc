// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"html/template"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// source shows a file that is not documentation.
func source(name string, raw []byte) template.HTML {
	return template.HTML(fmt.Sprintf("<h1>%s</h1>\n<pre><code>%s</code></pre>\n", html.EscapeString(name), html.EscapeString(string(raw)))) // It is escaped.
}

// folder shows what is in a folder that is linked: its files but for tests.
func (s *site) folder(name string) ([]byte, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	var body strings.Builder
	fmt.Fprintf(&body, "<h1>%s</h1>\n<ul>\n", html.EscapeString(name))
	for _, entry := range entries {
		if entry.IsDir() || strings.HasSuffix(entry.Name(), "_test.go") || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		file := path.Join(name, entry.Name())
		s.want(file)
		fmt.Fprintf(&body, "<li><a href=\"%s\">%s</a></li>\n", html.EscapeString(relative(place(name), place(file))), html.EscapeString(entry.Name()))
	}
	body.WriteString("</ul>\n")
	return s.frame(name, frame{Title: name, Body: template.HTML(body.String())}) // It is escaped.
}
