// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kube-bind.io/kube-bind/printable"
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
	// ExitUnhealthy means that status --exit-code found a binding that is not healthy, or dev status a process that does not run.
	ExitUnhealthy = 6
	// ExitDeclined means that the person did not agree to what the provider asks for.
	ExitDeclined = 7
	// ExitUnreachable means that the server or a cluster is away, or that something else answers in its place.
	ExitUnreachable = 8
	// ExitInterrupted means that somebody pressed Ctrl-C. It is what shells make of that signal.
	ExitInterrupted = 130
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

// usage returns the error of a command line that makes no sense. Execute adds where help is.
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
	code, _ := explain(err)
	return code
}

// Execute runs a command line, and returns its exit code. What went wrong, and what to do next, is said on stderr.
func Execute(ctx context.Context, cmd *cobra.Command) int {
	ran, err := cmd.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if ctx.Err() != nil && ExitCode(err) != ExitInterrupted {
		// However a request ended that Ctrl-C cut off.
		err = context.Canceled
	}
	err = complete(ran, err)
	fmt.Fprintln(cmd.ErrOrStderr(), "Error:", printable.Lines(err.Error()))
	return ExitCode(err)
}

// complete adds what is missing of an error: its exit code, and what to do next.
func complete(cmd *cobra.Command, err error) error {
	coded, ok := errors.AsType[*exitError](err)
	switch {
	case !ok:
		code, next := explain(err)
		return &exitError{code: code, err: tidy(err), next: next}
	case coded.next == "" && coded.code == ExitUsage:
		return &exitError{code: coded.code, err: err, next: "See: " + cmd.CommandPath() + " --help"}
	}
	return err
}

// tidy says in words what Go says in terms of its contexts.
func tidy(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case err == context.DeadlineExceeded: //nolint:errorlint // an error around it says more
		return errors.New("it was not done in time")
	}
	return err
}
