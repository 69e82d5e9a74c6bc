// SPDX-License-Identifier: Apache-2.0

// Package kcp tests, end to end and with the shipped binaries, what is particular to a provider on kcp: that workspaces are kept
// apart, what becomes of bad weather there, and who may do what in which workspace. What a kcp has in common with a plain provider
// is tested in package e2e.
//
// One kcp serves all tests, with kube-bind prepared in it twice: for a backend of each tenancy. Each test has workspaces of its own.
package kcp
