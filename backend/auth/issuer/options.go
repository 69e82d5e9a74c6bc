// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// root is the path that everything is below.
const root = "/oidc"

// Options say what an Issuer is. All fields without a default are required.
type Options struct {
	// URL is the issuer's own, with the path /oidc: http://127.0.0.1:8080/oidc. http is allowed; whether it is loopback
	// is the caller's to see to.
	URL string
	// ClientID and ClientSecret are those of the one client, which is the backend.
	ClientID, ClientSecret string
	// RedirectURI is where the client is sent back to. No other is accepted.
	RedirectURI string
	// Users can sign in. Default: DefaultUsers.
	Users []User
	// Now is the clock by which sign-ins, codes and access tokens expire. Default: time.Now.
	Now func() time.Time
}

func (o *Options) defaults() {
	if len(o.Users) == 0 {
		o.Users = DefaultUsers()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// validate returns everything that is wrong with options.
func (o *Options) validate() error {
	var errs []error
	if issuer, err := parseURL("URL", o.URL); err != nil {
		errs = append(errs, err)
	} else if o.URL != origin(issuer)+root {
		errs = append(errs, fmt.Errorf("URL %q: the path must be %s, and nothing may follow", o.URL, root))
	}
	if _, err := parseURL("RedirectURI", o.RedirectURI); err != nil {
		errs = append(errs, err)
	}
	if o.ClientID == "" || o.ClientSecret == "" {
		errs = append(errs, errors.New("ClientID and ClientSecret must not be empty"))
	}
	return errors.Join(append(errs, directory(o.Users).validate())...)
}

// origin is the part of a URL that browsers compare.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// parseURL wants an absolute http or https URL. Its host ends up in a header, and must be one there, too.
func parseURL(field, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: not a URL", field)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s %q: must begin with http:// or https://", field, u.Redacted())
	case u.Hostname() == "" || strings.ContainsAny(u.Host, `;,'" `):
		return nil, fmt.Errorf("%s %q: must have a host", field, u.Redacted())
	case u.User != nil || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("%s %q: must have neither a user nor a fragment", field, u.Redacted())
	}
	return u, nil
}
