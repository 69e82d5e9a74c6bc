// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
)

//go:embed pages/*.html
var pageFiles embed.FS

// frame is the file around all pages.
const frame = "frame.html"

// pages are the templates of pages, by their names without ending.
type pages map[string]*template.Template

func newPages(assets *assets) (pages, error) {
	functions := template.FuncMap{"asset": assets.link, "tile": tile, "initial": initial, "count": count, "command": newCommand}
	around, err := template.New(frame).Funcs(functions).ParseFS(pageFiles, "pages/"+frame)
	if err != nil {
		return nil, fmt.Errorf("parsing the frame of pages: %w", err)
	}
	entries, err := pageFiles.ReadDir("pages")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	out := pages{}
	for _, entry := range entries {
		if entry.Name() == frame {
			continue
		}
		page, err := around.Clone()
		if err == nil {
			page, err = page.ParseFS(pageFiles, "pages/"+entry.Name())
		}
		if err != nil {
			return nil, fmt.Errorf("parsing a page: %w", err)
		}
		out[strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))] = page
	}
	return out, nil
}

// page is what a template shows.
type page struct {
	errand
	// Title is the heading, and in the browser's.
	Title string
	// Provider, Version and Origin are the backend's.
	Provider, Version, Origin string
	// Path is that of the request.
	Path string
	// Person is nil if nobody is signed in.
	Person *auth.Session
	// Main is what this page is about.
	Main any
}

// showing is a page with what is particular to its answer.
type showing struct {
	// name of the page.
	name  string
	title string
	main  any
	// status is 200 if it is 0.
	status int
	// outside says that the page has a form which leads to a program on this machine.
	outside bool
}

// show answers a visit with a page.
func (s *Site) show(v *visit, what showing) {
	s.render(v.w, v.r, page{errand: v.errand, Person: v.guest.Person()}, what)
}

// render answers with a page.
func (s *Site) render(w http.ResponseWriter, r *http.Request, content page, what showing) {
	content.Title, content.Main, content.Path = what.title, what.main, r.URL.Path
	content.Provider, content.Version, content.Origin = s.opts.PrettyName, s.opts.Version, s.opts.Origin
	var body bytes.Buffer
	if err := s.pages[what.name].ExecuteTemplate(&body, frame, content); err != nil {
		ctrl.LoggerFrom(r.Context()).Error(err, "a page is broken", "page", what.name)
		http.Error(w, "This page is broken. The provider's log has more.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy(what.outside))
	if what.status != 0 {
		w.WriteHeader(what.status)
	}
	write(w, r, body.Bytes())
}

// policy is the Content-Security-Policy of a page. Browsers look at where the answer to a form redirects to, too.
func policy(outside bool) string {
	forms := "form-action 'self'"
	if outside {
		forms += " http://127.0.0.1:* http://localhost:*"
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'", forms,
		"base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
}

func write(w http.ResponseWriter, r *http.Request, content []byte) {
	if _, err := w.Write(content); err != nil {
		ctrl.LoggerFrom(r.Context()).V(2).Info("the client has gone", "error", err.Error())
	}
}

// Problem answers with a page that says what is wrong.
func (s *Site) Problem(w http.ResponseWriter, r *http.Request, status int, what *kubebindv1alpha2.Error) {
	if status == http.StatusUnauthorized {
		w.Header().Set("HX-Refresh", "true")
	}
	titles := map[int]string{
		http.StatusBadRequest:            "This does not work",
		http.StatusForbidden:             "You may not do this",
		http.StatusNotFound:              "Nothing is here",
		http.StatusMethodNotAllowed:      "This is no page to look at",
		http.StatusServiceUnavailable:    "The provider is busy",
		http.StatusRequestEntityTooLarge: "This is too long",
	}
	title, ok := titles[status]
	if !ok {
		title = "Something went wrong"
	}
	// If the errand is what is wrong, it is dropped here.
	errand, _ := parseErrand(r)
	content := page{errand: errand}
	if guest, err := s.house.Enter(r); err == nil {
		content.Person = guest.Person()
	}
	s.render(w, r, content, showing{name: "problem", title: title, status: status, main: what})
}

// tile is the class that colours what has a name: always the same for the same name.
func tile(name string) string {
	const colours = 6
	sum := 0
	for _, c := range []byte(name) {
		sum = sum*31 + int(c)
	}
	return fmt.Sprintf("tile tile-%d", uint(sum)%colours)
}

// initial is the first letter of a name.
func initial(name string) string {
	for _, c := range name {
		return strings.ToUpper(string(c))
	}
	return ""
}

// count says how many there are of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// command is a line that can be copied.
type command struct {
	ID, What string
	// Words are what it consists of.
	Words []string
}

func newCommand(id, what, text string) command {
	return command{ID: id, What: what, Words: strings.Fields(text)}
}
