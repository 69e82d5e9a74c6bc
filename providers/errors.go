// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"fmt"
	"time"
)

// IdentityTakenError says that a place exists for this identity, and belongs to another requester.
type IdentityTakenError struct {
	// Identity that was asked for.
	Identity string
}

// Error never names the other requester: who asks has no right to know.
func (e *IdentityTakenError) Error() string {
	return fmt.Sprintf("the identity %q belongs to another requester", e.Identity)
}

// InvalidConsumerError says what a consumer lacks.
type InvalidConsumerError struct {
	// Message for people.
	Message string
}

func (e *InvalidConsumerError) Error() string { return e.Message }

// ForeignError says that an object is in the way that kube-bind did not make. It is neither adopted nor changed.
type ForeignError struct {
	// Object is "<kind> <name>" or "<kind> <namespace>/<name>".
	Object string
	// Message says how it was recognised, and what to do.
	Message string
}

func (e *ForeignError) Error() string { return fmt.Sprintf("%s is not ours: %s", e.Object, e.Message) }

// NotReadyError says that the call has done what it can for now and should be repeated.
type NotReadyError struct {
	// Message says what is waited for.
	Message string
	// RetryAfter is a good time to wait before the call is repeated, if nothing else tells when to.
	RetryAfter time.Duration
}

func (e *NotReadyError) Error() string { return e.Message }
