// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// authorize begins a sign-in, and sends the browser on to the form. Who is told of a mistake depends on it: the client, at
// its redirect URI, unless the mistake leaves open who that is.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	asked, err := op.ParseAuthorizeRequest(r, i.provider.Decoder())
	if err != nil {
		i.pages.problem(w, http.StatusBadRequest, "The request to sign in cannot be understood.")
		return
	}
	if asked.ClientID != i.opts.ClientID || asked.RedirectURI != i.opts.RedirectURI {
		i.pages.problem(w, http.StatusBadRequest, "The request to sign in is not from the backend that this issuer is for: its client_id or its redirect_uri is another.")
		return
	}
	if err := i.accept(r.Context(), asked); err != nil {
		op.AuthRequestError(w, r, asked, err, i.provider)
		return
	}
	begun := request{id: rand.Text(), browser: rand.Text(), asked: *asked}
	i.storage.requests.put(begun.id, begun)
	http.SetCookie(w, i.cookie(begun, requestLife))
	http.Redirect(w, r, i.storage.client.LoginURL(begun.id), http.StatusSeeOther)
}

// accept looks whether there can be a sign-in as it is asked for, and leaves only those scopes that there are.
func (i *Issuer) accept(ctx context.Context, asked *oidc.AuthRequest) error {
	if _, err := op.ValidateAuthRequestClient(ctx, asked, i.storage.client, i.provider.IDTokenHintVerifier(ctx)); err != nil {
		return err
	}
	asked.Scopes = slices.DeleteFunc(asked.Scopes, func(scope string) bool { return !i.storage.client.IsScopeAllowed(scope) })
	switch {
	case asked.RequestParam != "":
		return oidc.ErrRequestNotSupported()
	case !slices.Contains(asked.Scopes, oidc.ScopeOpenID):
		return oidc.ErrInvalidScope().WithDescription("the scope must contain openid")
	case asked.ResponseMode != "" && asked.ResponseMode != oidc.ResponseModeQuery:
		return oidc.ErrInvalidRequest().WithDescription("the response_mode must be query")
	case asked.CodeChallenge == "" || asked.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return oidc.ErrInvalidRequest().WithDescription("PKCE is required: a code_challenge with the code_challenge_method S256")
	case slices.Contains(asked.Prompt, oidc.PromptNone):
		return oidc.ErrLoginRequired().WithDescription("there are no sessions: every sign-in needs the form")
	}
	return nil
}
