// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// refusals are what the library wants of a storage and this issuer does not have: refresh tokens, sessions, introspection,
// revocation, clients that sign, and the library's own way of authorization. No endpoint leads to them.
type refusals struct{}

func (refusals) CreateAuthRequest(context.Context, *oidc.AuthRequest, string) (op.AuthRequest, error) {
	return nil, errors.ErrUnsupported
}

func (refusals) AuthRequestByID(context.Context, string) (op.AuthRequest, error) {
	return nil, errors.ErrUnsupported
}

func (refusals) SaveAuthCode(context.Context, string, string) error { return errors.ErrUnsupported }

func (refusals) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errors.ErrUnsupported
}

func (refusals) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, op.ErrInvalidRefreshToken
}

func (refusals) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (refusals) TerminateSession(context.Context, string, string) error { return errors.ErrUnsupported }

func (refusals) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrInvalidRequest()
}

func (refusals) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errors.ErrUnsupported
}

func (refusals) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, errors.ErrUnsupported
}

func (refusals) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errors.ErrUnsupported
}

func (refusals) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errors.ErrUnsupported
}
