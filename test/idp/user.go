// SPDX-License-Identifier: Apache-2.0

package idp

import "slices"

// User is somebody who can sign in.
type User struct {
	// Name is what goes into the form, and becomes the claims name and preferred_username. Letters and digits only.
	Name string
	// Password is what goes into the form.
	Password string
	// Email becomes the claim email, as verified. Default: Name at example.org.
	Email string
	// Groups become the claim groups, if the scope groups is asked for.
	Groups []string
}

// DefaultUsers are the users of a provider that was given none: alice and bob, who share the group developers; alice
// is of the group admins as well.
func DefaultUsers() []User {
	return []User{
		{Name: "alice", Password: "alice-secret", Groups: []string{"admins", "developers"}},
		{Name: "bob", Password: "bob-secret", Groups: []string{"developers"}},
	}
}

// copyUsers sets defaults, and shares nothing with its argument.
func copyUsers(users []User) []User {
	copied := slices.Clone(users)
	for i := range copied {
		if copied[i].Email == "" {
			copied[i].Email = copied[i].Name + "@example.org"
		}
		copied[i].Groups = slices.Clone(copied[i].Groups)
	}
	return copied
}
