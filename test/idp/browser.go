// SPDX-License-Identifier: Apache-2.0

package idp

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
	// maxSteps is how many requests a sign-in may take.
	maxSteps = 20
	maxPage  = 1 << 20
	// maxText is how much of a page an error shows.
	maxText = 300
)

// ErrRefused is in the error of SignIn when the provider does not take the password.
var ErrRefused = errors.New("the provider refused the password")

// SignIn does what a user without JavaScript does to sign in: it opens the address, follows redirects, fills in the form
// that asks for a password, and sends the first form of any other page, as it is, by its first button. It ends with the
// redirect to the redirect URI, which it does not follow: the answer's Location has what the provider tells the client.
// The answer's body is closed.
//
// The address is the provider's, or one of the client that redirects there. The redirect URI is what the last address
// on the way had as its parameter redirect_uri. The HTTP client's transport and cookies are used; without a place for
// cookies there they last for this sign-in.
func SignIn(ctx context.Context, client *http.Client, authorizeURL string, user User) (*http.Response, error) {
	b, err := newBrowser(client, user)
	if err != nil {
		return nil, fmt.Errorf("signing in %s: %w", user.Name, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizeURL, nil)
	for range maxSteps {
		if err != nil {
			return nil, fmt.Errorf("signing in %s: %w", user.Name, err)
		}
		var end *http.Response
		request, end, err = b.step(request)
		if end != nil {
			return end, nil
		}
	}
	return nil, fmt.Errorf("signing in %s: not done after %d requests", user.Name, maxSteps)
}

// browser is what a browser remembers of one sign-in.
type browser struct {
	client      *http.Client
	user        User
	redirectURI *url.URL
	answered    bool // the password has been sent
}

// newBrowser copies the HTTP client, as it must not follow redirects.
func newBrowser(client *http.Client, user User) (*browser, error) {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if own.Jar == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		own.Jar = jar
	}
	return &browser{client: &own, user: user}, nil
}

// step sends a request. It returns the next one, or the answer that ends the sign-in.
func (b *browser) step(request *http.Request) (next *http.Request, end *http.Response, err error) {
	if err := b.remember(request.URL); err != nil {
		return nil, nil, err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", address(request.URL), err)
	}
	if response.StatusCode/100 == 3 {
		location, err := response.Location()
		if err != nil {
			return nil, nil, fmt.Errorf("following the redirect of %s: %w", address(request.URL), err)
		}
		if b.atEnd(location) {
			return nil, response, nil
		}
		next, err := http.NewRequestWithContext(request.Context(), http.MethodGet, location.String(), nil)
		return next, nil, err
	}
	next, err = b.answer(request, response.StatusCode, content)
	return next, nil, err
}

// remember looks for the redirect URI in the address of a request.
func (b *browser) remember(u *url.URL) error {
	text := u.Query().Get("redirect_uri")
	if text == "" {
		return nil
	}
	uri, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("parsing the redirect URI: %w", err)
	}
	b.redirectURI = uri
	return nil
}

// atEnd tells whether an address is the redirect URI, whatever the provider has added to it.
func (b *browser) atEnd(location *url.URL) bool {
	return b.redirectURI != nil && address(location) == address(b.redirectURI)
}

// address is a URL without what may be secret, or added to a redirect URI.
func address(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// answer fills in a page.
func (b *browser) answer(request *http.Request, status int, content []byte) (*http.Request, error) {
	forms, text, err := parsePage(request.URL, content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", address(request.URL), err)
	}
	text = text[:min(len(text), maxText)]
	i := slices.IndexFunc(forms, func(f *form) bool { return f.passwordField != "" })
	switch {
	case i >= 0 && b.answered:
		return nil, fmt.Errorf("%w: %s", ErrRefused, text)
	case status/100 != 2:
		return nil, fmt.Errorf("%s answered %d: %s", address(request.URL), status, text)
	case len(forms) == 0:
		return nil, fmt.Errorf("%s has no form: %s", address(request.URL), text)
	case i >= 0:
		b.answered = true
		forms[i].fill(b.user)
		return submit(request.Context(), forms[i])
	}
	return submit(request.Context(), forms[0])
}

// submit makes the request that sends a form.
func submit(ctx context.Context, f *form) (*http.Request, error) {
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
