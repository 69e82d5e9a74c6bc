// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the older wire types of the API group kube-bind.io and their conversion to and from v1alpha2.
//
// The API server serves this version for clients that still speak it, and stores v1alpha2. It converts by changing
// apiVersion only, which is right for every kind but APIServiceExport: there one object of v1alpha1 is an export and a
// BoundSchema of v1alpha2, and only the functions of this package convert it. No controller of kube-bind reads or
// writes this version.
//
// +kubebuilder:object:generate=true
// +groupName=kube-bind.io
package v1alpha1
