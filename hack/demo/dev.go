// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kube-bind.io/kube-bind/controlplane"
)

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
		return w.dev(context.WithoutCancel(ctx), "delete")
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
	out, err := exec.CommandContext(ctx, filepath.Join(w.bin, "kubectl-bind"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl bind %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
