// SPDX-License-Identifier: Apache-2.0

// Package auth is the backend's sign-in: who somebody is, how the next request proves it, and what they may bind.
//
// Nothing is kept about a person between requests. A login that is under way, a browser's session and a client's token are
// claims sealed with keys that all replicas share (Sealer, Keys): every replica can answer every request. What is kept is
// what ended early (Revocations).
//
// A login goes from Handler's authorize to the OpenID provider and back to its callback, in one browser: the state that
// the provider hands back must be that of a cookie. From there the browser gets a session cookie, or a program on the same
// machine a code that only it can exchange for a token.
//
// It is not the place for what a signed-in person does: that is backend/http.
package auth
