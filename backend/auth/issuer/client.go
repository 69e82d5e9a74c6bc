// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// tokenLife is how long ID tokens and access tokens are good for.
const tokenLife = time.Hour

// client is the one that may ask for sign-ins: a server that keeps a secret.
type client struct {
	id, secret, redirectURI string
}

var _ op.Client = client{}

// scopes are those that there are. Others, offline_access among them, may be asked for and are not granted.
func scopes() []string {
	return []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, scopeGroups}
}

func (c client) GetID() string                       { return c.id }
func (c client) RedirectURIs() []string              { return []string{c.redirectURI} }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType        { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c client) LoginURL(id string) string           { return signInPath + "?id=" + id }
func (c client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (c client) IDTokenLifetime() time.Duration      { return tokenLife }
func (c client) IsScopeAllowed(scope string) bool    { return slices.Contains(scopes(), scope) }
func (c client) ClockSkew() time.Duration            { return 0 }

// DevMode lets the redirect URI be http.
func (c client) DevMode() bool { return true }

// IDTokenUserinfoClaimsAssertion puts what the scopes allow into the ID token, not only into the answer of userinfo.
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }

// RestrictAdditionalIdTokenScopes leaves the scopes as they are.
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}

// RestrictAdditionalAccessTokenScopes leaves the scopes as they are.
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}
