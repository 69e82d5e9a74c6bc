// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// RefusedRedirectError says why nobody is sent to an address.
type RefusedRedirectError struct {
	// Message for people.
	Message string
}

func (e *RefusedRedirectError) Error() string { return e.Message }

// redirectTarget returns the URL that a signed-in person is sent to, with what they are given. That is only ever a page of
// ours, or a program on the machine that the browser runs on (RFC 8252, section 7.3).
func redirectTarget(origin *url.URL, raw string, program bool) (*url.URL, error) {
	refuse := func(format string, args ...any) (*url.URL, error) {
		return nil, &RefusedRedirectError{Message: fmt.Sprintf("redirect_url: "+format, args...)}
	}
	// What browsers read differently from net/url: they take a backslash for a slash, drop control characters, and know many
	// ways to write the letters and dots of a host.
	if strings.ContainsFunc(raw, func(r rune) bool { return r == '\\' || r <= ' ' || r >= 0x7f }) {
		return refuse("has characters that do not belong into a URL")
	}
	target, err := url.Parse(raw)
	if err != nil || target.Opaque != "" || target.User != nil || target.Fragment != "" {
		return refuse("must be a URL without user and fragment")
	}
	if target.Scheme == "" && target.Host == "" && strings.HasPrefix(target.Path, "/") && !strings.HasPrefix(target.Path, "//") {
		return origin.ResolveReference(target), nil
	}
	if target.Scheme == origin.Scheme && target.Host == origin.Host {
		return target, nil
	}
	switch {
	case !program:
		return refuse("must be a page of %s", origin)
	case target.Scheme != "http" || !loopback(target.Hostname()):
		return refuse("must be a page of %s, or http on 127.0.0.1, [::1] or localhost", origin)
	}
	return target, nil
}

// loopback tells whether a host is the machine that asks.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// withQuery returns target with more parameters.
func withQuery(target *url.URL, parameters url.Values) string {
	out := *target
	query := out.Query()
	for name, values := range parameters {
		query[name] = values
	}
	out.RawQuery = query.Encode()
	return out.String()
}
