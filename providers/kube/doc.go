// SPDX-License-Identifier: Apache-2.0

// Package kube is the provider that is one plain cluster, named "". A consumer's place is a namespace in it.
//
// A place is: a Namespace that names the identity it is for and the requester it belongs to, a ClusterBinding, a
// ServiceAccount with a token and a kubeconfig made of it, and a Role with a RoleBinding to what the consumer may do in
// its own contract namespace. Nothing of that is shared with another place.
//
// Tokens expire, and another one is in the kubeconfig Secret once half of their lifetime is over; or they do not, if the
// options say so: then there is a Secret for the token, too. Whoever deletes the ServiceAccount revokes all of its tokens at
// once: a new one is made, with a new token, which only those get who may read the contract namespace or sign in.
//
// Rights on exported resources, and namespaces for objects, are not part of a place: the backend's controllers make
// them, and Remove takes them away by their label.
package kube
