// SPDX-License-Identifier: Apache-2.0

//go:build windows

package dev

import (
	"context"
	"errors"
)

var errWindows = errors.New("there are no etcd and kube-apiserver to run on Windows")

const insteadOfWindows = "Use the Windows Subsystem for Linux."

// Create fails: this is not for Windows.
func Create(context.Context, Options) (*Environment, error) {
	return nil, &Problem{Err: errWindows, Next: insteadOfWindows}
}

// Processes are none.
func (e *Environment) Processes(context.Context) ([]Process, error) {
	return nil, &Problem{Err: errWindows, Next: insteadOfWindows}
}

// Delete fails: there is nothing that it could delete.
func Delete(context.Context, string) (int, error) {
	return 0, &Problem{Err: errWindows, Next: insteadOfWindows}
}
