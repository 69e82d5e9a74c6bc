// SPDX-License-Identifier: Apache-2.0

// Package telemetry is what backend and konnector have in common about being watched: how metrics get into a registry and out
// of it again, and what is to be known of them for the documentation. Which metrics there are, the packages know that count.
package telemetry
