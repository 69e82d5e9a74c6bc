// SPDX-License-Identifier: Apache-2.0

// Package record writes what the konnector's controllers say on their own objects: finalizers, status and Events. It
// decides nothing of that.
package record
