// SPDX-License-Identifier: Apache-2.0

// Package proxy is a network that fails when it is told to: TCP connections through it can be cut, stalled, delayed and
// throttled, those that are open and those to come.
package proxy
