// SPDX-License-Identifier: Apache-2.0

// Package loop is what the backend's controllers have in common: fetch the object from the cache of its logical
// cluster, call the controller's function, write the status back whether that failed or not, and tell the user.
//
// An error is one of two kinds, told apart here and nowhere else: a Blocked error has a documented reason, and is not
// retried, as an event will come; all others get the reason Error and are retried with growing delay.
//
// It holds no state between two calls, and knows nothing of any kind of object.
package loop
