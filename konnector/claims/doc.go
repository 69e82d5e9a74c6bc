// SPDX-License-Identifier: Apache-2.0

// Package claims says which objects permission claims select: by label, by name, or because other objects refer to them.
//
// It is pure selection: it has no client and keeps nothing. In which direction an object goes is decided in package
// plan, and package sync finds the objects.
package claims
