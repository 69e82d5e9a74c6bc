// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// isStatus says whether an API server answered.
func isStatus(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// rootCause is the text of an error without what changes from one try to the next, like port numbers: it goes into
// conditions, and each new text is a write.
func rootCause(err error) string {
	if isStatus(err) {
		return err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
