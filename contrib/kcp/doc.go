// SPDX-License-Identifier: Apache-2.0

// Package kcpinit prepares a kcp for kube-bind: a workspace with the APIExport kube-bind.io, the type of consumers' workspaces, and
// the backend's identity with its rights.
//
// It is a command, kcp-init, rather than manifests: the claim on workspaces needs the identity hash of that kcp's own
// tenancy.kcp.io, the schemas' names are hashes of our CRDs, of which there is one copy, and the backend's kubeconfig has to be
// made.
//
// Running it again writes nothing; running a newer one upgrades: the APIExport names the newer schemas, bindings follow by
// themselves, and the older schemas stay, for bindings that have not followed yet and for who has to go back. What is there and
// was not made by kcp-init is left alone.
//
// What the backend does in that kcp is not here: see providers/kcp.
package kcpinit
