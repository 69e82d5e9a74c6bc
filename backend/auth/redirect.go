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
// ours, or a program on the machine that the browser runs on.
func redirectTarget(origin *url.URL, raw string, program bool) (*url.URL, error) {
	target, err := parseRedirect(raw)
	if err != nil {
		return nil, err
	}
	if target.Scheme == "" && target.Host == "" && strings.HasPrefix(target.Path, "/") && !strings.HasPrefix(target.Path, "//") {
		return origin.ResolveReference(target), nil
	}
	if target.Scheme == origin.Scheme && target.Host == origin.Host {
		return target, nil
	}
	switch {
	case !program:
		return nil, refuseRedirect("must be a page of %s", origin)
	case !isProgram(target):
		return nil, refuseRedirect("must be a page of %s, or http on 127.0.0.1, [::1] or localhost", origin)
	}
	return target, nil
}

// ProgramTarget returns the URL of a program on the machine that the browser runs on (RFC 8252, section 7.3), or a
// RefusedRedirectError: nothing else is told what is for that program.
func ProgramTarget(raw string) (*url.URL, error) {
	target, err := parseRedirect(raw)
	if err != nil {
		return nil, err
	}
	if !isProgram(target) {
		return nil, refuseRedirect("must be http on 127.0.0.1, [::1] or localhost")
	}
	return target, nil
}

func parseRedirect(raw string) (*url.URL, error) {
	// What browsers read differently from net/url: they take a backslash for a slash, drop control characters, and know many
	// ways to write the letters and dots of a host.
	if strings.ContainsFunc(raw, func(r rune) bool { return r == '\\' || r <= ' ' || r >= 0x7f }) {
		return nil, refuseRedirect("has characters that do not belong into a URL")
	}
	target, err := url.Parse(raw)
	if err != nil || target.Opaque != "" || target.User != nil || target.Fragment != "" {
		return nil, refuseRedirect("must be a URL without user and fragment")
	}
	return target, nil
}

func refuseRedirect(format string, args ...any) error {
	return &RefusedRedirectError{Message: fmt.Sprintf("redirect_url: "+format, args...)}
}

func isProgram(target *url.URL) bool { return target.Scheme == "http" && Loopback(target.Hostname()) }

// Loopback tells whether a host is the machine that asks.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// WithQuery returns target with more parameters.
func WithQuery(target *url.URL, parameters url.Values) string {
	out := *target
	query := out.Query()
	for name, values := range parameters {
		query[name] = values
	}
	out.RawQuery = query.Encode()
	return out.String()
}
