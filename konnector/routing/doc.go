// SPDX-License-Identifier: Apache-2.0

// Package routing says which of several bindings of one resource carries an object: what the object, its namespace and
// the bindings say decides, once. It is pure, and knows neither connections nor copies.
package routing
