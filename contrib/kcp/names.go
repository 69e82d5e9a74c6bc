// SPDX-License-Identifier: Apache-2.0

package kcpinit

// Names of what kcp-init makes, besides those that providers/kcp has.
const (
	// Namespace has the backend's ServiceAccount, its Lease and the Secrets that its replicas share.
	Namespace = "kube-bind"
	// Account is the backend's ServiceAccount, the Secret with its token, and the backend's roles.
	Account = "kube-bind-backend"
	// BindersRole is the ClusterRole of those whose workspaces may become providers.
	BindersRole = "kube-bind-providers"
)
