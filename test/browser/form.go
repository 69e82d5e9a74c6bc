// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// form is an HTML form as it would be sent by its first submit button, with what the page has filled in. Text areas and
// selections are left out: forms for signing in have none.
type form struct {
	method string
	action *url.URL
	values url.Values

	nameField, passwordField string // "" for none
	hasButton                bool
}

// parsePage finds the forms of a page, and its text.
func parsePage(address *url.URL, content []byte) (forms []*form, text string, err error) {
	root, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, "", fmt.Errorf("parsing the page: %w", err)
	}
	var words []string
	for node := range root.Descendants() {
		switch {
		case node.DataAtom == atom.Form:
			f, err := parseForm(address, node)
			if err != nil {
				return nil, "", err
			}
			forms = append(forms, f)
		case node.Type == html.TextNode && node.Parent.DataAtom != atom.Script && node.Parent.DataAtom != atom.Style:
			words = append(words, strings.Fields(node.Data)...)
		}
	}
	return forms, strings.Join(words, " "), nil
}

func parseForm(address *url.URL, node *html.Node) (*form, error) {
	action, err := address.Parse(attribute(node, "action"))
	if err != nil {
		return nil, fmt.Errorf("parsing the address of a form: %w", err)
	}
	f := &form{method: strings.ToUpper(attribute(node, "method")), action: action, values: url.Values{}}
	for control := range node.Descendants() {
		if _, disabled := lookup(control, "disabled"); disabled {
			continue
		}
		kind := strings.ToLower(attribute(control, "type"))
		switch {
		case control.DataAtom == atom.Input:
			f.addInput(control, kind)
		case control.DataAtom == atom.Button && (kind == "" || kind == "submit"):
			f.addButton(control)
		}
	}
	return f, nil
}

// addInput takes an input as the page has filled it in, and remembers where name and password belong.
func (f *form) addInput(node *html.Node, kind string) {
	name, value := attribute(node, "name"), attribute(node, "value")
	switch kind {
	case "submit", "image":
		f.addButton(node)
		return
	case "button", "reset", "file":
		return
	case "checkbox", "radio":
		if _, checked := lookup(node, "checked"); !checked {
			return
		}
		if _, set := lookup(node, "value"); !set {
			value = "on"
		}
	case "password":
		f.passwordField = name
	case "", "text", "email":
		if f.nameField == "" {
			f.nameField = name
		}
	}
	if name != "" {
		f.values.Add(name, value)
	}
}

func (f *form) addButton(node *html.Node) {
	if name := attribute(node, "name"); name != "" && !f.hasButton {
		f.values.Add(name, attribute(node, "value"))
	}
	f.hasButton = true
}

// fill puts in who signs in. A page may ask for the password alone, once it knows the name.
func (f *form) fill(name, password string) {
	if f.nameField != "" {
		f.values.Set(f.nameField, name)
	}
	f.values.Set(f.passwordField, password)
}

// submit makes the request that sends the form.
func (f *form) submit(ctx context.Context) (*http.Request, error) {
	if f.method != http.MethodPost {
		target := *f.action
		target.RawQuery = f.values.Encode()
		return http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.action.String(), strings.NewReader(f.values.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

func attribute(node *html.Node, key string) string {
	value, _ := lookup(node, key)
	return value
}

func lookup(node *html.Node, key string) (string, bool) {
	for _, a := range node.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}
