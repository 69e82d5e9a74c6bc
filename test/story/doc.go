// SPDX-License-Identifier: Apache-2.0

// Package story is what people do, from the first sign-in to the object that is synced and on to the end, with the shipped
// programs and nothing else: kubectl bind is run as a process, and it opens a browser that is this test's own binary. Where
// the konnector is deployed, a node is played; the konnector itself runs as a process with its ServiceAccount's token.
package story
