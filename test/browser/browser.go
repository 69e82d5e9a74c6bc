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
	"slices"
	"strings"
)

const (
	// maxForms is how many forms somebody sends to sign in.
	maxForms = 4
	// maxRedirects is how many redirects may follow each other.
	maxRedirects = 10
	maxPage      = 1 << 20
	// maxText is how much of a page an error shows.
	maxText = 300
)

// ErrRefused is in the error of SignIn when a password has been sent, and is asked for again.
var ErrRefused = errors.New("the password was refused")

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

// SignIn opens an address, fills in the form that asks for a password, and sends the first form of any other page as it
// is, by its first button, until it is sent to an address that starts with until. That one is not opened: it is returned.
// An error has the last page's text.
func (b *Browser) SignIn(ctx context.Context, address, until, name, password string) (*url.URL, error) {
	at, err := b.signIn(ctx, address, until, name, password)
	if err != nil {
		return nil, fmt.Errorf("signing in %s: %w", name, err)
	}
	return at, nil
}

func (b *Browser) signIn(ctx context.Context, address, until, name, password string) (*url.URL, error) {
	walker := *b.Client
	walker.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), until) {
			return &arrivedError{at: r.URL}
		}
		if len(via) > maxRedirects {
			return errors.New("it goes round in circles")
		}
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	sent := false // the password
	for range maxForms + 1 {
		response, err := walker.Do(request)
		if arrived, ok := errors.AsType[*arrivedError](err); ok {
			return arrived.at, nil
		}
		if err != nil {
			return nil, err
		}
		f, err := choose(response, sent)
		if err != nil {
			return nil, err
		}
		if f.passwordField != "" {
			f.fill(name, password)
			sent = true
		}
		if request, err = f.submit(ctx); err != nil {
			return nil, fmt.Errorf("sending a form: %w", err)
		}
	}
	return nil, errors.New("there are forms without end")
}

// choose reads a page, and returns the form on it that leads on.
func choose(response *http.Response, passwordSent bool) (*form, error) {
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("reading a page: %w", err)
	}
	forms, text, err := parsePage(response.Request.URL, content)
	if err != nil {
		return nil, fmt.Errorf("reading a page: %w", err)
	}
	text = text[:min(len(text), maxText)]
	i := slices.IndexFunc(forms, func(f *form) bool { return f.passwordField != "" })
	switch {
	case i >= 0 && passwordSent:
		return nil, fmt.Errorf("%w: %s", ErrRefused, text)
	case response.StatusCode >= http.StatusBadRequest:
		return nil, fmt.Errorf("%s answered %s: %s", response.Request.URL.Path, response.Status, text)
	case len(forms) == 0:
		return nil, fmt.Errorf("%s has no form: %s", response.Request.URL.Path, text)
	}
	return forms[max(i, 0)], nil
}
