// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(o *Options)
		// problem is in the error; empty if there is none.
		problem string
	}{
		"good":                       {func(*Options) {}, ""},
		"https":                      {func(o *Options) { o.URL = "https://dev.example.org/oidc" }, ""},
		"IPv6":                       {func(o *Options) { o.URL = "http://[::1]:8080/oidc" }, ""},
		"no URL":                     {func(o *Options) { o.URL = "" }, "URL"},
		"no scheme":                  {func(o *Options) { o.URL = "127.0.0.1:8080/oidc" }, "URL"},
		"another scheme":             {func(o *Options) { o.URL = "ftp://127.0.0.1/oidc" }, "http://"},
		"another path":               {func(o *Options) { o.URL = "http://127.0.0.1:8080" }, "/oidc"},
		"a longer path":              {func(o *Options) { o.URL = "http://127.0.0.1:8080/dev/oidc" }, "/oidc"},
		"a slash":                    {func(o *Options) { o.URL = "http://127.0.0.1:8080/oidc/" }, "/oidc"},
		"a query":                    {func(o *Options) { o.URL = "http://127.0.0.1:8080/oidc?x=y" }, "/oidc"},
		"an empty query":             {func(o *Options) { o.URL = "http://127.0.0.1:8080/oidc?" }, "/oidc"},
		"no client":                  {func(o *Options) { o.ClientID = "" }, "ClientID"},
		"no secret":                  {func(o *Options) { o.ClientSecret = "" }, "ClientSecret"},
		"no redirect":                {func(o *Options) { o.RedirectURI = "" }, "RedirectURI"},
		"redirect to a path":         {func(o *Options) { o.RedirectURI = "/callback" }, "RedirectURI"},
		"redirect to an app":         {func(o *Options) { o.RedirectURI = "app://callback" }, "RedirectURI"},
		"redirect with fragment":     {func(o *Options) { o.RedirectURI += "#" }, "fragment"},
		"redirect to a policy":       {func(o *Options) { o.RedirectURI = "http://x;script-src/callback" }, "host"},
		"redirect as somebody":       {func(o *Options) { o.RedirectURI = "http://a:b@127.0.0.1/callback" }, "user"},
		"users":                      {func(o *Options) { o.Users = []User{{Name: "carol", Password: "x"}} }, ""},
		"user without name":          {func(o *Options) { o.Users = []User{{Password: "x"}} }, "user 0"},
		"user with colon":            {func(o *Options) { o.Users = []User{{Name: "a:b", Password: "x"}} }, "colon"},
		"user with space":            {func(o *Options) { o.Users = []User{{Name: "a ", Password: "x"}} }, "space"},
		"user without password":      {func(o *Options) { o.Users = []User{{Name: "carol"}} }, "carol"},
		"two of a name":              {func(o *Options) { o.Users = append(DefaultUsers(), DefaultUsers()...) }, "another"},
		"several things are wrong":   {func(o *Options) { o.URL, o.ClientID, o.RedirectURI = "", "", "" }, "ClientID"},
		"a password is not repeated": {func(o *Options) { o.URL = "http://a:hunter2@127.0.0.1/oidc" }, "user"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{
				URL: "http://127.0.0.1:8080/oidc", ClientID: "kube-bind", ClientSecret: "secret",
				RedirectURI: "http://127.0.0.1:8080/callback",
			}
			tc.change(&o)
			err := o.validate()
			if (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("got %v, want something about %q", err, tc.problem)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in %v", err)
			}
			if _, failed := New(o); (failed == nil) != (err == nil) {
				t.Errorf("New says %v", failed)
			}
		})
	}
}
