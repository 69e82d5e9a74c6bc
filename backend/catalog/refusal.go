// SPDX-License-Identifier: Apache-2.0

package catalog

import "fmt"

// Refusal is why something cannot be bound. A nil Refusal means that it can.
type Refusal struct {
	// Reason is one of the documented reasons of conditions.
	Reason string
	// Message says what is wrong, for people.
	Message string
}

func refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
