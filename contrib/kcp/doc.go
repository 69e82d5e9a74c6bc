// SPDX-License-Identifier: Apache-2.0

// Package kcpinit prepares a kcp for kube-bind: a workspace with the APIExport kube-bind.io, the type of consumers' workspaces, and
// the backend's identity with its rights.
//
// It is a command, kcp-init, rather than manifests: the claim on workspaces needs the identity hash of that kcp's own
// tenancy.kcp.io, the schemas' names are hashes of our CRDs, of which there is one copy, and the backend's kubeconfig has to be
// made. Running it again changes nothing; running a newer one upgrades.
//
// What the backend does in that kcp is not here: see providers/kcp.
package kcpinit
