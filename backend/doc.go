// SPDX-License-Identifier: Apache-2.0

// Package backend is the provider's side of kube-bind: New(Options) puts the controllers together with the provider that
// they serve, Run(ctx) runs them.
//
// This is the only place that knows which controllers and which providers there are. It decides nothing about an object:
// see controllers for that, each a noun of the API, and start with controllers/bindrequest to follow a binding.
package backend
