// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"fmt"
	"strings"
)

// systemPrefix starts the names that Kubernetes keeps for itself.
const systemPrefix = "system:"

// Prefixes are put before what an OpenID provider calls people and groups, so that it can name nobody else.
type Prefixes struct {
	// Username is put before names.
	Username string
	// Groups is put before groups.
	Groups string
}

// User is somebody as the API server's authorizers know them.
type User struct {
	// Name of the user.
	Name string
	// Groups that the user is in.
	Groups []string
}

// RefusedUserError says why somebody whom the OpenID provider knows is not let in.
type RefusedUserError struct {
	// Message for people.
	Message string
}

func (e *RefusedUserError) Error() string { return e.Message }

// User returns whom the API server is asked about for a name and groups of an OpenID provider. Names of Kubernetes itself
// are refused with a RefusedUserError, with prefixes and without: no honest provider has groups such as system:masters.
func (p Prefixes) User(username string, groups []string) (User, error) {
	out := User{Name: p.Username + username}
	if username == "" {
		return User{}, &RefusedUserError{Message: "the OpenID provider names nobody"}
	}
	if strings.HasPrefix(username, systemPrefix) || strings.HasPrefix(out.Name, systemPrefix) {
		return User{}, &RefusedUserError{Message: fmt.Sprintf("the user %q has a name that Kubernetes keeps for itself", username)}
	}
	for _, g := range groups {
		if strings.HasPrefix(g, systemPrefix) || strings.HasPrefix(p.Groups+g, systemPrefix) {
			return User{}, &RefusedUserError{Message: fmt.Sprintf("the group %q has a name that Kubernetes keeps for itself", g)}
		}
		if g != "" {
			out.Groups = append(out.Groups, p.Groups+g)
		}
	}
	return out, nil
}
