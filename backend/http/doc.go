// SPDX-License-Identifier: Apache-2.0

// Package http is the backend's front door: its routes, and the JSON API behind them. Paths and payloads are upstream's
// (docs/compatibility.md says where ours differ). Every replica serves, whoever holds the lease.
//
// A request passes, in this order, through: an id and a log line, a limit on its size, a check of where it comes from, the
// route, who sends it (backend/auth), and in which logical cluster. What it does is in the handlers: a file each.
//
// It decides nothing about exports: it makes places and leaves requests, and controllers do the rest.
package http
