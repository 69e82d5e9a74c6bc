// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"errors"
	"strings"
	"testing"

	"kube-bind.io/kube-bind/providers"
)

// SEC-2: identities are lines, and that of a person is that person's alone.
func TestCheckConsumer(t *testing.T) {
	const issuer = "https://login.example.com"
	alice := PersonalIdentity(issuer, "alice")
	for name, tc := range map[string]struct {
		consumer       providers.Consumer
		issuer, own    string
		invalid, taken bool
	}{
		"a cluster's":                 {consumer: providers.Consumer{Identity: "uid", PrettyName: "Küche", Author: "alice"}, issuer: issuer},
		"her own":                     {consumer: providers.Consumer{Identity: alice}, issuer: issuer, own: alice},
		"another's":                   {consumer: providers.Consumer{Identity: alice}, issuer: issuer, own: PersonalIdentity(issuer, "bob"), taken: true},
		"a person's, by nobody":       {consumer: providers.Consumer{Identity: alice}, issuer: issuer, taken: true},
		"of an issuer that begins so": {consumer: providers.Consumer{Identity: PersonalIdentity(issuer+".example.org", "alice")}, issuer: issuer},
		"nobody can sign in":          {consumer: providers.Consumer{Identity: "/alice"}},
		"as long as may be":           {consumer: providers.Consumer{Identity: strings.Repeat("x", maxIdentity)}},
		"too long":                    {consumer: providers.Consumer{Identity: strings.Repeat("x", maxIdentity+1)}, invalid: true},
		"two lines":                   {consumer: providers.Consumer{Identity: "a\nb"}, invalid: true},
		"a name of two lines":         {consumer: providers.Consumer{Identity: "a", PrettyName: "a\u2028b"}, invalid: true},
		"a name that turns round":     {consumer: providers.Consumer{Identity: "a", PrettyName: "a\u202eb"}, invalid: true},
		"no text":                     {consumer: providers.Consumer{Identity: "a\xff"}, invalid: true},
		"an author with colours":      {consumer: providers.Consumer{Identity: "a", Author: "\x1b[31ma"}, invalid: true},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckConsumer(tc.consumer, tc.issuer, tc.own)
			_, invalid := errors.AsType[*providers.InvalidConsumerError](err)
			_, taken := errors.AsType[*providers.IdentityTakenError](err)
			if invalid != tc.invalid || taken != tc.taken || (err != nil) != (invalid || taken) {
				t.Errorf("got %v", err)
			}
		})
	}
}
