// SPDX-License-Identifier: Apache-2.0

// Package kube is the provider that is one plain cluster, named "". A consumer's place is a namespace in it.
//
// A place is: a Namespace that names the identity it is for and the requester it belongs to, a ClusterBinding, a
// ServiceAccount with a token and a kubeconfig made of it, and a Role with a RoleBinding to what the consumer may do in
// its own contract namespace. Nothing of that is shared with another place.
//
// Rights on exported resources, and namespaces for objects, are not part of a place: the backend's controllers make
// them, and Remove takes them away by their label.
package kube
