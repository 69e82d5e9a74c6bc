// SPDX-License-Identifier: Apache-2.0

// Package telemetry is what backend and konnector have in common about being watched: how metrics get into a registry and out
// of it again, what is to be known of them for the documentation, and where traces go. Which metrics there are, the packages know that count.
package telemetry
