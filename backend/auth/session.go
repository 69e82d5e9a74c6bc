// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	// cookieName is the session cookie's, and what those of single logical clusters begin with.
	cookieName = "kube-bind"
	// hostPrefix starts the names of cookies that browsers take from this host only, by https, and for all of it: neither a
	// sibling domain nor anybody on the wire can plant one (RFC 6265bis, section 4.1.3.2).
	hostPrefix = "__Host-"
	// maxCookie is what browsers keep: longer ones they drop without a word.
	maxCookie = 4000
)

// Session is somebody who is signed in.
type Session struct {
	// ID is random, and what a revocation names.
	ID string `json:"sid"`
	// Issuer and Subject are who it is, as the OpenID provider says.
	Issuer string `json:"iss"`
	// Subject is described at Issuer.
	Subject string `json:"sub"`
	// Username is what authorizers know the person as, without prefix.
	Username string `json:"usr"`
	// Name is for people.
	Name string `json:"name,omitempty"`
	// Groups as the OpenID provider calls them.
	Groups []string `json:"groups,omitempty"`
	// Cluster is the only logical cluster that the session is for.
	Cluster string `json:"cid,omitempty"`
	// Program says that it belongs to a program, and not to a browser.
	Program bool `json:"prg,omitempty"`
	// Expires is when it ends.
	Expires time.Time `json:"exp"`
}

// Requester is whom places are made for, see providers.Consumer: no other subject or issuer has the same.
func (s *Session) Requester() string { return s.Issuer + "#" + s.Subject }

// unauthenticated is the answer to a request of nobody.
func unauthenticated(message string) error {
	return &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeAuthenticationFailed, Message: message}
}

// Session returns who sends a request: by its Bearer token, or else by its cookie for the logical cluster. The error has the
// code AUTHENTICATION_FAILED for nobody, and AUTHORIZATION_FAILED for somebody who signed in to another logical cluster.
func (s *SignIn) Session(r *http.Request, cluster string) (*Session, error) {
	session := &Session{}
	var err error
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, unauthenticated("The request has no Bearer token; sign in first.")
		}
		err = s.sealer.open(r.Context(), kindToken, strings.TrimSpace(token), session)
	} else {
		cookie, missing := r.Cookie(s.cookieFor(cluster))
		if missing != nil {
			return nil, unauthenticated("Nobody is signed in; sign in first.")
		}
		err = s.sealer.open(r.Context(), kindSession, cookie.Value, session)
	}
	switch {
	case errors.Is(err, ErrNotOurs):
		return nil, unauthenticated("The session has expired or is not valid; sign in again.")
	case err != nil:
		return nil, err
	case session.Cluster != cluster:
		return nil, &kubebindv1alpha2.Error{
			Code:    kubebindv1alpha2.ErrorCodeAuthorizationFailed,
			Message: fmt.Sprintf("The session is for the logical cluster %q, not for %q; sign in there.", session.Cluster, cluster),
		}
	}
	revoked, err := s.revocations.Revoked(r.Context(), session.ID)
	if err != nil {
		return nil, err
	}
	if revoked {
		return nil, unauthenticated("The session has been ended; sign in again.")
	}
	return session, nil
}

// cookieFor is the name of a logical cluster's cookie. What a cookie's name cannot have is escaped: such cookies are not set.
func (s *SignIn) cookieFor(cluster string) string {
	if cluster == "" {
		return s.named(cookieName)
	}
	return s.named(cookieName + "-" + url.QueryEscape(cluster))
}

// secure tells whether people reach the backend by https.
func (s *SignIn) secure() bool { return s.opts.Origin.Scheme == "https" }

// named is what a cookie is really called: with plain http browsers refuse the prefix.
func (s *SignIn) named(cookie string) string {
	if s.secure() {
		return hostPrefix + cookie
	}
	return cookie
}

func (s *SignIn) setSession(ctx context.Context, w http.ResponseWriter, session *Session) error {
	value, err := s.sealer.seal(ctx, kindSession, session, session.Expires)
	if err != nil {
		return err
	}
	if len(value) > maxCookie {
		return &kubebindv1alpha2.Error{
			Code:    kubebindv1alpha2.ErrorCodeAuthorizationFailed,
			Message: fmt.Sprintf("You are in too many groups (%d) for a cookie; ask the provider's administrator to have fewer sent.", len(session.Groups)),
		}
	}
	http.SetCookie(w, s.cookie(s.cookieFor(session.Cluster), value, session.Expires))
	return nil
}

// cookie is one that scripts and other sites do not get.
func (s *SignIn) cookie(name, value string, expires time.Time) *http.Cookie {
	maxAge := int(expires.Sub(s.opts.Now()) / time.Second)
	if value == "" {
		maxAge = -1
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
}

// random returns a string that nobody guesses.
func random() string { return rand.Text() }
