// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kube-bind.io/kube-bind/controlplane"
)

// patience is how long a command that is interrupted may take before it is killed.
const patience = 5 * time.Second

// startDev is a world that kubectl bind dev makes.
func startDev(ctx context.Context) (*world, error) {
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	port, err := controlplane.FreePort()
	if err != nil {
		return nil, errors.Join(err, os.Remove(w.dir))
	}
	w.server = "http://127.0.0.1:" + strconv.Itoa(port)
	w.steps = slices.Concat(providerSteps(), consumerSteps(), objectSteps())
	w.leave = func() (string, error) { return "kubectl bind dev delete --dir " + w.dir, nil }
	w.stop = func() error {
		// Somebody who has lost patience wants this all the more.
		err := w.dev(context.WithoutCancel(ctx), "delete")
		// For delete, a folder of an environment that has not begun is none of its own.
		if left := os.Remove(w.dir); err == nil && !errors.Is(left, fs.ErrNotExist) {
			return left
		}
		return err
	}
	if err := w.dev(ctx, "create", "--port", strconv.Itoa(port), "--wait-for-ready-timeout", limit.String()); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// dev runs a command of kubectl bind dev, and shows it.
func (w *world) dev(ctx context.Context, args ...string) error {
	args = append([]string{"dev"}, append(args, "--dir", w.dir)...)
	say("   $ kubectl bind %s", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "kubectl-bind"), args...)
	// Ctrl-C is for this process alone, which interrupts a create, and lets a delete go on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl bind %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
