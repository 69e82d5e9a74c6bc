// SPDX-License-Identifier: Apache-2.0

// Package grants says what a consumer may do with the resources of an export, and puts that in place.
//
// Every export has its own rights, shared with no other export and no other consumer:
//
//	informer scope | resource       | rights
//	Namespaced     | namespaced     | a Role with all verbs in each of the consumer's namespaces
//	Cluster        | namespaced     | a ClusterRole to read, a Role to write in each of the consumer's namespaces
//	Cluster        | cluster-scoped | a ClusterRole with all verbs, behind a fence
//
// The consumer's namespaces are those that were made for it or, with isolation Namespaced, its contract namespace; with
// isolation None also those that the provider lends it, maybe beside others, and there the rights are behind the fence too.
//
// The fence is a ValidatingAdmissionPolicy: the consumer may only write objects that carry its mark and, with isolation
// Prefixed, its name in front. RBAC cannot say that. It cannot say which objects of one kind and namespace may be read
// either, and neither can an admission policy: consumers of a cluster-scoped resource, those in Cluster informer scope, and
// those in one namespace that is lent to them, can read each other's objects.
//
// What to grant is a pure function; Apply and Prune are the effects. Rights inside the contract namespace on the
// contract itself belong to the place, see the providers package.
package grants
