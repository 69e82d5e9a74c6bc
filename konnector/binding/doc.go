// SPDX-License-Identifier: Apache-2.0

// Package binding brings what an APIServiceBinding asks for: the CRDs of its export, and syncers for them; and says in
// its conditions how that goes. It is the only writer of a binding's status.
//
// Reconcile reads the facts (facts.go), makes CRDs what they should be, decides purely what to sync and what to say
// (decide.go), and tells the provider (feedback.go). It holds no connection and no syncer itself: package connection
// does, and announces what changes.
package binding
