// SPDX-License-Identifier: Apache-2.0

// Package backendclient is the backend's JSON API as a client sees it. It knows payloads and errors, and nothing of kubeconfigs
// or terminals.
package backendclient
