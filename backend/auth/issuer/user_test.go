// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

func TestAuthenticate(t *testing.T) {
	users := directory{{Name: "alice", Password: "a"}, {Name: "bob", Password: "b"}}
	for name, tc := range map[string]struct {
		name, password string
		want           string
	}{
		"first":             {"alice", "a", "alice"},
		"second":            {"bob", "b", "bob"},
		"another's":         {"alice", "b", ""},
		"no such user":      {"carol", "a", ""},
		"nothing":           {"", "", ""},
		"more than it":      {"alice", "aa", ""},
		"another way":       {"ALICE", "a", ""},
		"split differently": {"alic", "ea", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := users.authenticate(tc.name, tc.password)
			if got.Name != tc.want || ok != (tc.want != "") {
				t.Errorf("got %q, %v", got.Name, ok)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	users := directory{{Name: "alice", Password: "a", Email: "alice@example.org", Groups: []string{"g"}}, {Name: "bare", Password: "b"}}
	all := scopes()
	for name, tc := range map[string]struct {
		user   string
		scopes []string
		want   string
	}{
		"everything":   {"alice", all, `{"email":"alice@example.org","email_verified":true,"groups":["g"],"name":"alice","preferred_username":"alice","sub":"alice"}`},
		"openid":       {"alice", []string{oidc.ScopeOpenID}, `{"sub":"alice"}`},
		"groups":       {"alice", []string{scopeGroups}, `{"groups":["g"],"sub":"alice"}`},
		"email":        {"alice", []string{oidc.ScopeEmail}, `{"sub":"alice","email":"alice@example.org","email_verified":true}`},
		"no more":      {"bare", all, `{"groups":[],"name":"bare","preferred_username":"bare","sub":"bare"}`},
		"no such user": {"carol", all, ""},
	} {
		t.Run(name, func(t *testing.T) {
			info := &oidc.UserInfo{}
			if err := users.describe(info, tc.user, tc.scopes); (err != nil) != (tc.want == "") {
				t.Fatal(err)
			}
			if tc.want == "" {
				return
			}
			got, err := info.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want+"\n", string(got)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
