// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// request is a client's wish that somebody signs in. It is not changed: signing in makes another of it.
type request struct {
	// id names it in the form, and browser is what the cookie of the browser says in which it began.
	id, browser string
	// asked is what the client sent, with only those scopes left that there are.
	asked oidc.AuthRequest
	// user signed in, at that time. Empty before.
	user string
	at   time.Time
}

var _ op.AuthRequest = request{}

// signedIn is the request after a user signed in.
func (r request) signedIn(user User, at time.Time) request {
	r.user, r.at = user.Name, at
	return r
}

func (r request) GetID() string                      { return r.id }
func (r request) GetACR() string                     { return "" }
func (r request) GetAMR() []string                   { return []string{"pwd"} }
func (r request) GetAudience() []string              { return []string{r.asked.ClientID} }
func (r request) GetAuthTime() time.Time             { return r.at }
func (r request) GetClientID() string                { return r.asked.ClientID }
func (r request) GetNonce() string                   { return r.asked.Nonce }
func (r request) GetRedirectURI() string             { return r.asked.RedirectURI }
func (r request) GetResponseType() oidc.ResponseType { return r.asked.ResponseType }
func (r request) GetResponseMode() oidc.ResponseMode { return r.asked.ResponseMode }
func (r request) GetScopes() []string                { return r.asked.Scopes }
func (r request) GetState() string                   { return r.asked.State }
func (r request) GetSubject() string                 { return r.user }
func (r request) Done() bool                         { return r.user != "" }
func (r request) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: r.asked.CodeChallenge, Method: r.asked.CodeChallengeMethod}
}
