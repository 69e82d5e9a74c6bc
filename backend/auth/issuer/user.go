// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// scopeGroups is the scope that the claim of the same name comes with.
const scopeGroups = "groups"

// User is somebody who can sign in.
type User struct {
	// Name is what the user types, and the subject of the tokens. It has no colon.
	Name string
	// Password is shown to everybody, beside the form.
	Password string
	// Email is the address in the tokens. It counts as verified. May be empty.
	Email string
	// Groups are in the tokens if the client asks for the scope groups.
	Groups []string
}

// DefaultUsers are two users of different groups: alice of engineering with the password alice-dev-only, and bob of devops
// with the password bob-dev-only.
func DefaultUsers() []User {
	return []User{
		{Name: "alice", Password: "alice-dev-only", Email: "alice@example.org", Groups: []string{"engineering"}},
		{Name: "bob", Password: "bob-dev-only", Email: "bob@example.org", Groups: []string{"devops"}},
	}
}

// directory are the users there are.
type directory []User

// authenticate returns the user with this name and password. How long it takes tells neither which of them was wrong nor
// how much of it was right.
func (d directory) authenticate(name, password string) (User, bool) {
	found := -1
	for i, u := range d {
		if same(u.Name, name)&same(u.Password, password) == 1 {
			found = i
		}
	}
	if found < 0 {
		return User{}, false
	}
	return d[found], true
}

// same is 1 for equal strings, else 0, and takes as long for both.
func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// describe fills in what the scopes allow to be said about a user.
func (d directory) describe(info *oidc.UserInfo, name string, scopes []string) error {
	i := slices.IndexFunc(d, func(u User) bool { return u.Name == name })
	if i < 0 {
		return errors.New("there is no such user")
	}
	u := d[i]
	info.Subject = u.Name
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name, info.PreferredUsername = u.Name, u.Name
	}
	if slices.Contains(scopes, oidc.ScopeEmail) && u.Email != "" {
		info.Email, info.EmailVerified = u.Email, true
	}
	if slices.Contains(scopes, scopeGroups) {
		info.AppendClaims(scopeGroups, append([]string{}, u.Groups...))
	}
	return nil
}

// validate returns everything that is wrong with the users.
func (d directory) validate() error {
	var errs []error
	seen := map[string]bool{}
	for i, u := range d {
		switch {
		case strings.TrimSpace(u.Name) != u.Name || u.Name == "" || strings.Contains(u.Name, ":"):
			errs = append(errs, fmt.Errorf("user %d: the name %q must not be empty, have a colon, or begin or end with a space", i, u.Name))
		case seen[u.Name]:
			errs = append(errs, fmt.Errorf("user %d: there is another %q", i, u.Name))
		case u.Password == "":
			errs = append(errs, fmt.Errorf("user %q: the password must not be empty", u.Name))
		}
		seen[u.Name] = true
	}
	return errors.Join(errs...)
}
