// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"slices"
	"testing"
)

// SEC-14: an OpenID provider can name nobody of Kubernetes itself, with prefixes and without, nor by both together.
func TestUser(t *testing.T) {
	oidc := Prefixes{Username: "oidc:", Groups: "oidc:"}
	for name, tc := range map[string]struct {
		prefixes Prefixes
		username string
		groups   []string
		want     User
		refused  bool
	}{
		"as usual":                     {oidc, "alice", []string{"a", "b"}, User{"oidc:alice", []string{"oidc:a", "oidc:b"}}, false},
		"without prefixes":             {Prefixes{}, "alice", []string{"a"}, User{"alice", []string{"a"}}, false},
		"prefixes differ":              {Prefixes{"u-", "g-"}, "x", []string{"x"}, User{"u-x", []string{"g-x"}}, false},
		"without groups":               {oidc, "alice", nil, User{"oidc:alice", nil}, false},
		"empty groups":                 {oidc, "alice", []string{"", "a", ""}, User{"oidc:alice", []string{"oidc:a"}}, false},
		"nobody":                       {oidc, "", []string{"a"}, User{}, true},
		"masters":                      {oidc, "alice", []string{"system:masters"}, User{}, true},
		"masters without prefix":       {Prefixes{}, "alice", []string{"system:masters"}, User{}, true},
		"masters among others":         {Prefixes{}, "alice", []string{"a", "system:masters", "b"}, User{}, true},
		"authenticated":                {Prefixes{}, "alice", []string{"system:authenticated"}, User{}, true},
		"a system user":                {oidc, "system:admin", nil, User{}, true},
		"a system user without prefix": {Prefixes{}, "system:kube-controller-manager", nil, User{}, true},
		"a service account":            {Prefixes{}, "system:serviceaccount:kube-system:default", nil, User{}, true},
		"anonymous":                    {Prefixes{}, "system:anonymous", nil, User{}, true},
		"user and prefix together":     {Prefixes{Username: "sys"}, "tem:admin", nil, User{}, true},
		"group and prefix together":    {Prefixes{Groups: "system"}, "alice", []string{":masters"}, User{}, true},
		"only the prefix":              {Prefixes{Username: "system:"}, "alice", nil, User{}, true},
		"not quite":                    {Prefixes{}, "systematic", []string{"system", "systems:x", "my-system:masters"}, User{"systematic", []string{"system", "systems:x", "my-system:masters"}}, false},
		"another case":                 {Prefixes{}, "System:admin", []string{"SYSTEM:masters"}, User{"System:admin", []string{"SYSTEM:masters"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.prefixes.User(tc.username, tc.groups)
			_, refused := errors.AsType[*RefusedUserError](err)
			if refused != tc.refused || err != nil && !refused || got.Name != tc.want.Name || !slices.Equal(got.Groups, tc.want.Groups) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
