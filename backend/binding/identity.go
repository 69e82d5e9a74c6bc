// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"kube-bind.io/kube-bind/printable"
	"kube-bind.io/kube-bind/providers"
)

// maxIdentity is how long an identity, and a name for people, may be.
const maxIdentity = 512

// PersonalIdentity returns the identity of a consumer that is known only by who signed in: issuer and subject are the OpenID provider's.
func PersonalIdentity(issuer, subject string) string { return issuer + "/" + subject }

// CheckConsumer refuses a consumer with what annotations cannot hold, or would look like something else in the terminal of the provider's
// administrator, by an InvalidConsumerError, and one with a personal identity that is not its own, by an IdentityTakenError: whoever came first would keep that person out. The issuer is empty if nobody can sign in; own is
// empty if who asks has not signed in.
func CheckConsumer(consumer providers.Consumer, issuer, own string) error {
	for _, text := range []struct{ what, is string }{
		{"cluster identity", consumer.Identity}, {"clusterIdentity.prettyName", consumer.PrettyName}, {"author", consumer.Author},
	} {
		if len(text.is) > maxIdentity || !utf8.ValidString(text.is) || strings.ContainsFunc(text.is, printable.Disguises) {
			return &providers.InvalidConsumerError{
				Message: fmt.Sprintf("the %s must be a line of at most %d bytes in UTF-8, without control characters and what cannot be seen", text.what, maxIdentity),
			}
		}
	}
	if issuer != "" && strings.HasPrefix(consumer.Identity, PersonalIdentity(issuer, "")) && consumer.Identity != own {
		return &providers.IdentityTakenError{Identity: consumer.Identity}
	}
	return nil
}
