// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Blocked says that an object cannot be served until somebody changes something. It is not retried.
type Blocked struct {
	// Reason is one of the documented reasons of conditions.
	Reason string
	// Message tells the user what is wrong and, where that is known, what to do.
	Message string
}

func (b *Blocked) Error() string { return b.Reason + ": " + b.Message }

// Block returns a Blocked error.
func Block(reason, format string, args ...any) error {
	return &Blocked{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// outcome is what becomes of an error: what the object's condition says, and what the queue is told.
type outcome struct {
	reason  string
	message string
	retry   error
}

func (o outcome) failed() bool { return o.reason != "" }

// classify tells the kinds of errors apart. A conflict is retried but not shown: the next try sees the newer object.
func classify(err error) outcome {
	if err == nil {
		return outcome{}
	}
	if blocked, ok := errors.AsType[*Blocked](err); ok {
		return outcome{reason: blocked.Reason, message: blocked.Message}
	}
	if apierrors.IsConflict(err) {
		return outcome{retry: err}
	}
	return outcome{reason: kubebindv1alpha2.ReasonError, message: err.Error(), retry: err}
}
