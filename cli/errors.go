// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Exit codes.
const (
	// ExitOK is success, and nothing else is.
	ExitOK = 0
	// ExitFailed is any failure that has no code of its own.
	ExitFailed = 1
	// ExitUsage is a command line that makes no sense.
	ExitUsage = 2
	// ExitSignIn means that nobody is signed in at the server.
	ExitSignIn = 3
	// ExitRefused means that the provider refuses.
	ExitRefused = 4
	// ExitTimeout means that something did not happen in time. Trying again may help.
	ExitTimeout = 5
	// ExitUnhealthy means that status --exit-code found a binding that is not healthy.
	ExitUnhealthy = 6
	// ExitDeclined means that the person did not agree to what the provider asks for.
	ExitDeclined = 7
)

// exitError is an error with an exit code and, if that helps, what to do next.
type exitError struct {
	code int
	err  error
	next string
}

func (e *exitError) Error() string {
	if e.next == "" {
		return e.err.Error()
	}
	return e.err.Error() + "\n" + e.next
}

func (e *exitError) Unwrap() error { return e.err }

// exit returns an error with a code and what to do next.
func exit(code int, err error, next string, args ...any) error {
	return &exitError{code: code, err: err, next: fmt.Sprintf(next, args...)}
}

func usage(format string, args ...any) error {
	return &exitError{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

// ExitCode is the exit code for an error of a command.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if coded, ok := errors.AsType[*exitError](err); ok {
		return coded.code
	}
	if known, ok := errors.AsType[*kubebindv1alpha2.Error](err); ok {
		switch known.Code {
		case kubebindv1alpha2.ErrorCodeAuthenticationFailed:
			return ExitSignIn
		case kubebindv1alpha2.ErrorCodeAuthorizationFailed, kubebindv1alpha2.ErrorCodeResourceNotFound, kubebindv1alpha2.ErrorCodeBadRequest:
			return ExitRefused
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ExitTimeout
	}
	return ExitFailed
}
