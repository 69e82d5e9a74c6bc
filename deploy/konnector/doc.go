// SPDX-License-Identifier: Apache-2.0

// Package konnector is what a cluster needs for a konnector to run in it: the objects that kubectl bind applies and that the
// backend offers for download. It talks to no server.
package konnector
