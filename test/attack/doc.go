// SPDX-License-Identifier: Apache-2.0

// Package attack tries every verb on every resource of an API server with somebody's credential, and tells what was not refused.
// Nothing is written: all requests are dry runs.
package attack
