// SPDX-License-Identifier: Apache-2.0

// Package connection keeps one connection for each kubeconfig Secret that bindings and bundles refer to.
//
// A Pool maps bindings and bundles to Connections. A Connection watches its Secret; while that holds a good kubeconfig it runs a
// Session: a client and a cache of the contract namespace, a heartbeat, the namespaces and the syncers. A new
// kubeconfig is a new Session, and the old one has stopped before the new one starts. Nothing here ever waits in a
// Reconcile: starting returns at once, and whatever changes is announced to those concerned.
//
// It does not decide what is synced, nor what a binding's conditions say: that is package binding.
package connection
