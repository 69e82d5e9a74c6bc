// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// kind is what something was sealed as. It can be opened as nothing else.
type kind string

const (
	// kindLogin is a login that is under way, in a cookie.
	kindLogin kind = "login"
	// kindSession is a browser's session, in a cookie.
	kindSession kind = "session"
	// kindToken is a program's access token.
	kindToken kind = "token"
	// kindCode is what a program gets a token for.
	kindCode kind = "code"
)

// ErrNotOurs says that something was not sealed by this backend as what it is shown as, or that it has expired, or was
// sealed with a key that is not used any more.
var ErrNotOurs = errors.New("it is not valid, or has expired")

// keyring is what a Sealer needs of Keys.
type keyring interface {
	current(ctx context.Context) (key, error)
	find(ctx context.Context, id string) (key, bool, error)
}

// sealer encrypts claims so that only a backend with the same keys can read them, and nobody can change them: JWE
// (RFC 7516), direct, with AES-256-GCM.
type sealer struct {
	keys keyring
	now  func() time.Time
}

// sealed is what is encrypted.
type sealed struct {
	Kind    kind            `json:"k"`
	Expires int64           `json:"e"`
	Claims  json.RawMessage `json:"c"`
}

// seal returns claims for people to keep, in URLs and cookies too, until they expire.
func (s *sealer) seal(ctx context.Context, as kind, claims any, expires time.Time) (string, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding a %s: %w", as, err)
	}
	plain, err := json.Marshal(sealed{Kind: as, Expires: expires.Unix(), Claims: raw})
	if err != nil {
		return "", fmt.Errorf("encoding a %s: %w", as, err)
	}
	k, err := s.keys.current(ctx)
	if err != nil {
		return "", err
	}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: k.raw, KeyID: k.id}, nil)
	if err != nil {
		return "", fmt.Errorf("preparing to seal a %s: %w", as, err)
	}
	object, err := encrypter.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("sealing a %s: %w", as, err)
	}
	return object.CompactSerialize()
}

// open reads what seal returned. The error is ErrNotOurs unless the keys cannot be read.
func (s *sealer) open(ctx context.Context, as kind, text string, claims any) error {
	object, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return ErrNotOurs
	}
	k, found, err := s.keys.find(ctx, object.Header.KeyID)
	if err != nil {
		return err
	}
	if !found {
		return ErrNotOurs
	}
	plain, err := object.Decrypt(k.raw)
	if err != nil {
		return ErrNotOurs
	}
	var content sealed
	if err := json.Unmarshal(plain, &content); err != nil || content.Kind != as || s.now().Unix() >= content.Expires {
		return ErrNotOurs
	}
	if err := json.Unmarshal(content.Claims, claims); err != nil {
		return ErrNotOurs
	}
	return nil
}
