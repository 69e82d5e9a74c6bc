// SPDX-License-Identifier: Apache-2.0

// Package mapping says where a consumer's object lies on the provider, and whose object one of the provider's is: names
// only, in both directions, and exactly inverse to each other.
//
// It is pure. It does not know whether an object exists, whether its namespace is ready, or whether it carries the
// consumer's mark: a name that maps back proves nothing about ownership.
package mapping
