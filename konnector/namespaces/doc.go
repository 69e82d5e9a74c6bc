// SPDX-License-Identifier: Apache-2.0

// Package namespaces says where the objects of a consumer namespace go on the provider: Ready, Pending or Refused.
//
// The answer is the provider's, in the APIServiceNamespace that has the consumer namespace's name. This package asks
// for one when the first object needs it and takes it back when the consumer namespace is gone. It moves no objects.
package namespaces
