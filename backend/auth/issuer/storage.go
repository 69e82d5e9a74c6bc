// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// How long things are kept, and how many of each at most.
const (
	requestLife = 10 * time.Minute
	codeLife    = time.Minute
	maxKept     = 1000
)

// storage is all that an Issuer knows: in memory, and for a while.
type storage struct {
	refusals

	client client
	users  directory
	key    signingKey

	// requests wait for somebody to sign in, by their ids.
	requests *shelf[request]
	// codes are requests with a user, by the code that the client got.
	codes *shelf[request]
	// tokens are what access tokens are good for, by their ids.
	tokens *shelf[grant]
}

// grant is what an access token lets its bearer know: what the scopes allow of a user.
type grant struct {
	user   string
	scopes []string
}

var (
	_ op.Storage                   = &storage{}
	_ op.CanSetUserinfoFromRequest = &storage{}
)

func newStorage(opts Options, key signingKey) *storage {
	return &storage{
		client:   client{id: opts.ClientID, secret: opts.ClientSecret, redirectURI: opts.RedirectURI},
		users:    opts.Users,
		key:      key,
		requests: newShelf[request](maxKept, requestLife, opts.Now),
		codes:    newShelf[request](maxKept, codeLife, opts.Now),
		tokens:   newShelf[grant](maxKept, tokenLife, opts.Now),
	}
}

// GetClientByClientID returns the one client.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if same(s.client.id, id) == 0 {
		return nil, errors.New("there is no such client")
	}
	return s.client, nil
}

// AuthorizeClientIDSecret says whether somebody is the one client.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if same(s.client.id, id)&same(s.client.secret, secret) == 0 {
		return errors.New("this is not the client")
	}
	return nil
}

// AuthRequestByCode uses a code up, also if the exchange comes to nothing after it: whoever has to try again has done
// something that the client does not.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	r, ok := s.codes.take(code)
	if !ok {
		return nil, errors.New("there is no such code")
	}
	return r, nil
}

// DeleteAuthRequest has nothing to do: AuthRequestByCode did it.
func (s *storage) DeleteAuthRequest(context.Context, string) error { return nil }

// CreateAccessToken keeps what the token is good for.
func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	id := rand.Text()
	return id, s.tokens.put(id, grant{user: r.GetSubject(), scopes: r.GetScopes()}), nil
}

// SetUserinfoFromToken tells the bearer of an access token about its user. The subject is what the token says, and tokens
// are encrypted but not signed: what counts is what was kept.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, subject, _ string) error {
	g, ok := s.tokens.get(id)
	if !ok || g.user != subject {
		return errors.New("there is no such token")
	}
	return s.users.describe(info, g.user, g.scopes)
}

// SetUserinfoFromRequest fills in an ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return s.users.describe(info, r.GetSubject(), scopes)
}

// SetUserinfoFromScopes has nothing to do: SetUserinfoFromRequest does it.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SigningKey returns the key that tokens are signed with.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

// SignatureAlgorithms are those that tokens are signed with.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{algorithm}, nil
}

// KeySet are the keys that tokens can be verified with.
func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{s.key}}, nil }

// Health has no reason to fail.
func (s *storage) Health(context.Context) error { return nil }
