// SPDX-License-Identifier: Apache-2.0

// Command kubectl-bind is a plugin of kubectl: it binds APIs of a provider to the cluster that kubectl talks to.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"kube-bind.io/kube-bind/cli"
)

// version is set by the linker.
var version = "v0.0.0"

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// A terminal that is closed ends what runs in it, unless it was started with nohup.
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// Who presses Ctrl-C twice does not want to wait.
	context.AfterFunc(ctx, stop)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := cli.Execute(ctx, cli.NewCommand(streams, cli.Options{Version: version}))
	stop()
	os.Exit(code)
}
