// SPDX-License-Identifier: Apache-2.0

// Package kcp is the provider that is a kcp: every workspace that binds the APIExport kube-bind.io is a logical cluster of it.
//
// Such a workspace is a provider's, unless its type is that of consumers' workspaces and it lies in a provider's: then it is the
// place of one consumer, and the provider's workspace is its host. With the tenancy Namespaces there are no such workspaces, and
// a place is a namespace in the provider's own, as on a plain cluster (see providers/kube).
//
// Workspaces are watched through the export's virtual workspace, one for each shard of kcp (shards.go), on every replica. What
// binds the export becomes a member (members.go), and a member's controllers are started where the manager leads (engage.go);
// each step is repeated until it works. What the export does not serve, tokens and schemas of other exports, is asked of the
// workspace itself, with rights that the backend gives itself there by the claims it was granted (rights.go).
//
// Who prepares a kcp for this is contrib/kcp.
package kcp
