// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page.html style.css
var files embed.FS

// pages are what people see of an Issuer.
type pages struct {
	template *template.Template
	css      []byte
	policy   string
	users    []User
}

// form is what is particular to one showing of the sign-in form.
type form struct {
	// ID is the request's.
	ID string
	// Name is what stands in the form already.
	Name string
	// Problem is what was wrong the last time.
	Problem string
}

// page is what the template shows.
type page struct {
	Title string
	// Form is there on the page to sign in, with Action and Users.
	Form   *form
	Action string
	Users  []User
	// Style is where the style sheet is.
	Style string
	// Text is there on all other pages.
	Text string
}

func newPages(opts Options) (*pages, error) {
	parsed, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the page: %w", err)
	}
	css, err := files.ReadFile("style.css")
	if err != nil {
		return nil, fmt.Errorf("reading the style sheet: %w", err)
	}
	policy, err := contentPolicy(opts.RedirectURI)
	if err != nil {
		return nil, err
	}
	return &pages{template: parsed, css: css, policy: policy, users: opts.Users}, nil
}

// contentPolicy is the Content-Security-Policy of pages whose form leads to redirectURI in the end: browsers look at
// where a form's answer redirects to, too.
func contentPolicy(redirectURI string) (string, error) {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return "", fmt.Errorf("RedirectURI: %w", err)
	}
	return strings.Join([]string{
		"default-src 'none'",
		"style-src 'self'",
		// Browsers look at the whole chain of redirects that follows a form: it may end at a program on this machine.
		"form-action 'self' " + origin(u) + " http://127.0.0.1:* http://localhost:*",
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}, "; "), nil
}

// protect sets the headers that every answer has.
func (p *pages) protect(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// form shows the form to sign in.
func (p *pages) form(w http.ResponseWriter, status int, f form) {
	p.show(w, status, page{Title: "Sign in", Form: &f, Action: signInPath, Users: p.users, Style: stylePath})
}

// problem shows what is wrong, when nothing can be done about it here.
func (p *pages) problem(w http.ResponseWriter, status int, text string) {
	p.show(w, status, page{Title: http.StatusText(status), Text: text, Style: stylePath})
}

func (p *pages) show(w http.ResponseWriter, status int, content page) {
	var body bytes.Buffer
	if err := p.template.Execute(&body, content); err != nil {
		http.Error(w, "This issuer is for development only, and its page is broken.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // whoever asked may have left
}

// style serves the style sheet.
func (p *pages) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(p.css)
}
