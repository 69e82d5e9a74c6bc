// SPDX-License-Identifier: Apache-2.0

// Package install writes into a cluster what makes it a consumer: the namespace, the provider's credential, and a konnector with
// the rights that its bindings need. kubectl bind does that with its user's rights, and the backend, where a provider wants it,
// with those of a kubeconfig that somebody uploads. Nothing that somebody else made is written to.
package install
