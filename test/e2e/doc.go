// SPDX-License-Identifier: Apache-2.0

// Package e2e tests what users see, on real control planes and with the shipped binaries. Bad input and bad weather are
// tested in package faults.
package e2e
