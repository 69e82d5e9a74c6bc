// SPDX-License-Identifier: Apache-2.0

// Package catalog says what can be bound and why not: which templates a consumer was granted, whether one of them covers
// a request, and whether what a template or a request names can be exported at all.
//
// It is pure: no clients, no clock.
package catalog
