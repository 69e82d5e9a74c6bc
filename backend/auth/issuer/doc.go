// SPDX-License-Identifier: Apache-2.0

// Package issuer is an OpenID provider for development, inside the backend: with it, kube-bind can be tried without
// setting up any other. It has a sign-in form, a handful of users whose passwords stand beside the form, and one client,
// which is the backend.
//
// It is not for production: everybody who sees the form can sign in as anybody. So it does not try to be what a provider
// has to be beyond that: it stores nothing, its keys and sign-ins end with the process and are known to this replica only,
// there are no sessions, no refresh tokens, no consent, and no registration. All of its pages say so.
//
// What it does is as strict as in production, so that whoever works with it works with others: the redirect URI is compared
// exactly, PKCE is required, codes are good for one use, and a sign-in ends in the browser in which it began. Tokens and
// their endpoints are those of github.com/zitadel/oidc. Its handlers for the authorization are not used: they answer with
// bare text, and they decode redirect URIs before they compare them.
package issuer
