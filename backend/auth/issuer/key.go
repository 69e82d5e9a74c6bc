// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// algorithm is the one that every client knows.
const algorithm = jose.RS256

// signingKey signs the tokens of one process.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

var (
	_ op.SigningKey = signingKey{}
	_ op.Key        = publicKey{}
)

func newSigningKey() (signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return signingKey{}, fmt.Errorf("making a key: %w", err)
	}
	return signingKey{id: rand.Text(), private: private}, nil
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return algorithm }
func (k signingKey) Key() any                                    { return k.private }

// publicKey is what everybody may know of a signingKey.
type publicKey struct {
	key signingKey
}

func (k publicKey) ID() string                         { return k.key.id }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return algorithm }
func (k publicKey) Use() string                        { return oidc.KeyUseSignature }
func (k publicKey) Key() any                           { return k.key.private.Public() }
