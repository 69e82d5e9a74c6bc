// SPDX-License-Identifier: Apache-2.0

// Package pair runs a provider and a consumer as users have them: two real control planes, and the shipped binaries of
// the backend and of the konnector as processes. End-to-end tests, fault tests, the benchmark and the demo stand on it.
//
// It asserts nothing. Product code does not import it.
package pair
