// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// NamespaceFor returns the contract namespace of an identity: the prefix and the first 8 bytes of the identity's
// SHA-224 in base 36. Upstream names it the same way, so that its consumers find their place again.
func NamespaceFor(prefix, identity string) string {
	sum := sha256.Sum224([]byte(identity))
	return prefix + strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 36)
}
