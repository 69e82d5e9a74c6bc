// SPDX-License-Identifier: Apache-2.0

// Package namespace makes the provider namespace of each APIServiceNamespace, and removes it with it. The consumer hears
// of a namespace (status.namespace) only once its rights in it are in place.
//
// A namespace belongs to an APIServiceNamespace if an annotation on it says so, and only then: any other one of the same
// name is neither used nor deleted. It gives no rights; the controller of exports does.
package namespace
