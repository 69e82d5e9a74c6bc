// SPDX-License-Identifier: Apache-2.0

// Package v1alpha2 holds the current wire types of the API group kube-bind.io, the names that kube-bind puts on other
// objects (names.go), and the one way to set conditions (conditions.go, reasons.go).
//
// It decides nothing: what a resource's schema looks like is in package boundschema, where a consumer's object lies on
// the provider is in package mapping.
//
// +kubebuilder:object:generate=true
// +groupName=kube-bind.io
package v1alpha2
