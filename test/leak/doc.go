// SPDX-License-Identifier: Apache-2.0

// Package leak looks for secrets in what programs have logged: what looks like a token or a private key whatever it is, and the
// tokens and keys that a test knows. The suites that run shipped binaries end with it.
package leak
