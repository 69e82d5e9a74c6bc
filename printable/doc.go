// SPDX-License-Identifier: Apache-2.0

// Package printable makes texts of others safe to show to people. A terminal obeys what it is sent: a name with control
// characters in it can erase the line above it, and one that turns the direction of writing can pass for another.
package printable
