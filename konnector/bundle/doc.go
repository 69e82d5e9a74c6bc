// SPDX-License-Identifier: Apache-2.0

// Package bundle keeps, for an APIServiceBindingBundle, one APIServiceBinding for each export that the bundle's
// kubeconfig can see, and says in the bundle's conditions how that goes.
//
// Reconcile reads the facts (facts.go), decides purely what to bind and what to unbind (decide.go), and does it. It follows
// the exports by the watch of the connection that the bindings use as well, and asks the provider itself only before
// something is unbound.
//
// It brings no CRDs and syncs nothing: that is what the bindings are for, and package binding.
package bundle
