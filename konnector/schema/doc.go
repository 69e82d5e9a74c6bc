// SPDX-License-Identifier: Apache-2.0

// Package schema makes the consumer's CRD what a BoundSchema says.
//
// Plan decides, without IO, what is to be done about one CRD; Apply does it. A CRD that another owner has is refused.
// The package does not decide which BoundSchemas a binding may bring: that is package binding.
package schema
