// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// maxForms is how many forms somebody fills in to sign in.
const maxForms = 4

// Browser keeps cookies as a browser does.
type Browser struct {
	*http.Client
}

// New returns a browser without cookies. transport may be nil.
func New(transport http.RoundTripper) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("making a cookie jar: %w", err)
	}
	return &Browser{Client: &http.Client{Jar: jar, Transport: transport}}, nil
}

// arrivedError ends a walk: the browser was sent to where the caller waits.
type arrivedError struct{ at *url.URL }

func (e *arrivedError) Error() string { return "arrived" }

// SignIn opens an address and fills in every form with a password until it is sent to an address that starts with until. That
// one is not opened: it is returned. An error has the last page's text.
func (b *Browser) SignIn(ctx context.Context, address, until, name, password string) (*url.URL, error) {
	walker := *b.Client
	walker.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), until) {
			return &arrivedError{at: r.URL}
		}
		if len(via) > 10 {
			return errors.New("it goes round in circles")
		}
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", address, err)
	}
	for range maxForms {
		response, err := walker.Do(request)
		if arrived, ok := errors.AsType[*arrivedError](err); ok {
			return arrived.at, nil
		}
		if err != nil {
			return nil, fmt.Errorf("signing in: %w", err)
		}
		if request, err = b.fillIn(ctx, response, name, password); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("signing in: there are forms without end")
}

// fillIn returns the request that a page's form makes.
func (b *Browser) fillIn(ctx context.Context, response *http.Response, name, password string) (*http.Request, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading a page: %w", err)
	}
	page, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("reading a page: %w", err)
	}
	form := find(page, "form")
	if form == nil || response.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s answers with %s and no form: %s", response.Request.URL.Path, response.Status, body)
	}
	fields := url.Values{}
	collect(form, func(input *html.Node) {
		switch kind := attribute(input, "type"); kind {
		case "hidden":
			fields.Set(attribute(input, "name"), attribute(input, "value"))
		case "password":
			fields.Set(attribute(input, "name"), password)
		case "text", "email", "":
			fields.Set(attribute(input, "name"), name)
		}
	})
	target, err := response.Request.URL.Parse(attribute(form, "action"))
	if err != nil {
		return nil, fmt.Errorf("reading a form: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, fmt.Errorf("sending a form: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

// find returns the first element of that name.
func find(n *html.Node, name string) *html.Node {
	for child := range n.Descendants() {
		if child.Type == html.ElementNode && child.Data == name {
			return child
		}
	}
	return nil
}

func collect(form *html.Node, input func(*html.Node)) {
	for child := range form.Descendants() {
		if child.Type == html.ElementNode && child.Data == "input" {
			input(child)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
