// SPDX-License-Identifier: Apache-2.0

// Package faults tests what bad input and bad weather get: what the user sees, that nothing is lost, that nothing foreign
// is touched, and that it heals by itself once mended. It runs the shipped binaries on real control planes. TestRandomWalk does
// all of that at random, from a seed.
package faults
