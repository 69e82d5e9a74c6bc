// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
)

// Issued is a token that was issued to a consumer.
type Issued struct {
	// Token is a JWT, or "" if there is none.
	Token string
	// RenewAt is when another one is due. It is noted when the token is issued, by the clock of who asks again then: clocks of
	// backend and API server may differ. Zero is not known, or never for a token without expiry.
	RenewAt time.Time
}

// Issue judges a token that an API server has just issued. Half of its lifetime later the next one is due; how long it lives
// is what the API server says (expires), whatever was asked for. Times are whole seconds, as they are written down.
func Issue(token string, account types.UID, expires, now time.Time) (Issued, error) {
	said, ok := claimsOf(token)
	if !ok {
		return Issued{}, errors.New("the API server issued a token that cannot be read")
	}
	if said.Kubernetes.ServiceAccount.UID != account {
		return Issued{}, errors.New("the API server issued a token of another ServiceAccount")
	}
	lifetime := expires.Sub(time.Unix(said.IssuedAt, 0))
	if said.IssuedAt <= 0 || lifetime < time.Second {
		return Issued{}, fmt.Errorf("the API server issued a token with a lifetime of %s", lifetime)
	}
	return Issued{Token: token, RenewAt: now.Add(lifetime / 2).Truncate(time.Second)}, nil
}

// Stale says why a token of an expiring kind has to be replaced:
//
//	there is none, or it cannot be read                      replaced
//	its ServiceAccount was deleted, and made anew            replaced
//	it does not expire                                       replaced
//	nobody noted when to renew it                            replaced
//	that is later than half of its lifetime from now         replaced: who noted it had another clock
//	that time has come                                       replaced
//	otherwise                                                "", it stays
//
// The signature is not looked at: it is a token that was asked for by ourselves, and at worst another one is made.
func (i Issued) Stale(account types.UID, now time.Time) string {
	if i.Token == "" {
		return "there was none"
	}
	said, ok := claimsOf(i.Token)
	half, left := time.Duration(said.Expires-said.IssuedAt)*time.Second/2, i.RenewAt.Sub(now)
	switch {
	case !ok:
		return "the last one cannot be read"
	case said.Kubernetes.ServiceAccount.UID != account:
		return "the last one is of another ServiceAccount"
	case said.Expires == 0:
		return "the last one does not expire"
	case i.RenewAt.IsZero():
		return "it is not known when to renew the last one"
	case left > half+time.Second: // the rest of a second may have been rounded
		return "the last one was to be renewed too late"
	case left <= 0:
		return "half of the last one's lifetime is over"
	}
	return ""
}

// TokenIn returns the token in a kubeconfig that Endpoint.Kubeconfig made, or "".
func TokenIn(kubeconfig []byte) string {
	cfg, err := clientcmd.Load(kubeconfig)
	if err != nil || cfg.AuthInfos[entry] == nil {
		return ""
	}
	return cfg.AuthInfos[entry].Token
}

// claims are what a ServiceAccount's token says about itself, as far as anybody wants to know. Tokens without expiry have
// the account elsewhere.
type claims struct {
	IssuedAt   int64 `json:"iat"`
	Expires    int64 `json:"exp"`
	Kubernetes struct {
		ServiceAccount struct {
			UID types.UID `json:"uid"`
		} `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

// claimsOf never says what is wrong: the token must not get into an error.
func claimsOf(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, false
	}
	var out claims
	return out, json.Unmarshal(payload, &out) == nil
}
