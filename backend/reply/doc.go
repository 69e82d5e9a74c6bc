// SPDX-License-Identifier: Apache-2.0

// Package reply is how the backend's HTTP API reads requests and answers them: JSON, and errors of the kind Error with a
// code that programs can rely on. It knows nothing of what is asked.
package reply
