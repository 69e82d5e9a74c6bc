// SPDX-License-Identifier: Apache-2.0

// Package expect is how end-to-end tests say what they wait for. What does not come in time fails the test, with what was
// seen last. Nothing here sleeps to let something happen.
package expect
