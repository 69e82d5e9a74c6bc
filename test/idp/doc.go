// SPDX-License-Identifier: Apache-2.0

// Package idp runs an OpenID provider that is not ours, Dex, as a process of this machine. Tests of sign-in stand on it, so
// that our client code meets an independent implementation of the protocol: discovery, the authorization code flow with
// PKCE, refresh, and a claim with groups. Users get through its forms with test/browser.
//
// Dex takes its users from a Crowd directory. That is a small server of this package, in the test's own process, so
// users have passwords and groups of their own, and groups can change while somebody is signed in (directory.go).
// docs/adr/0009 says why.
//
// It asserts nothing. Product code does not import it. The program is built by `make tools-test`.
package idp
