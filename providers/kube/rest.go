// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-bind.io/kube-bind/providers"
)

const (
	// restNames is how many of the things that a removal waits for are named.
	restNames = 3
	// lastRetry is how long a removal waits at most before it looks again.
	lastRetry = time.Minute
)

// rest is what is on its way out.
type rest struct {
	count int
	some  []string
}

func (r *rest) add(what string) {
	if r.count++; r.count <= restNames {
		r.some = append(r.some, what)
	}
}

// waiting returns nil if nothing is left, and otherwise what is waited for. The longer the contract namespace has been
// going, the more patient it is: what a finalizer of the provider's holds may take days.
func (r *rest) waiting(contract *corev1.Namespace) error {
	if r.count == 0 {
		return nil
	}
	message := "waiting for " + strings.Join(r.some, ", ")
	if more := r.count - len(r.some); more > 0 {
		message += fmt.Sprintf(" and %d more", more)
	}
	again := retryAfter
	if since := contract.DeletionTimestamp; since != nil {
		again = min(max(again, time.Since(since.Time)/4), lastRetry)
	}
	return &providers.NotReadyError{Message: message + " to go", RetryAfter: again}
}
