// SPDX-License-Identifier: Apache-2.0

// Command bench measures the konnector against a floor, in one run and on two real control planes: a client that makes
// by itself the writes that a perfect syncer would cause. It prints a table, writes bench.json, and fails if a goal is
// missed.
//
// With --large it measures instead whether a large installation is still a fast one: see largeResults.
//
// Requests per object come from the API servers' own counters and are exact. Times depend on the machine; what counts
// is their ratio to the floor of the same run.
package main
