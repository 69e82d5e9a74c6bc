// SPDX-License-Identifier: Apache-2.0

// Package plan decides what has to be done for one synced object: from what is known of the consumer's object and of
// its copy on the provider it makes a list of at most one write a side. The table above [Object] is the decision,
// content.go says what travels and when a copy is in sync, value.go compares JSON values.
//
// It is not the syncer: it has no client, no clock, no log and no memory. Whether the two objects are recent enough to
// plan on is the business of package guard; who executes the actions decides about errors and retries, and never about
// objects.
package plan
