// SPDX-License-Identifier: Apache-2.0

// Package wild makes a kcp with kube-bind prepared in it, and workspaces of providers, for tests, the benchmark and the demo.
package wild
