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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Who presses Ctrl-C twice does not want to wait.
	context.AfterFunc(ctx, stop)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := cli.Execute(ctx, cli.NewCommand(streams, cli.Options{Version: version}))
	stop()
	os.Exit(code)
}
