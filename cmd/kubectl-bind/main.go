// SPDX-License-Identifier: Apache-2.0

// Command kubectl-bind is a plugin of kubectl: it binds APIs of a provider to the cluster that kubectl talks to.
package main

import (
	"context"
	"fmt"
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
	defer stop()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	err := cli.NewCommand(streams, cli.Options{Version: version}).ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	stop()
	os.Exit(cli.ExitCode(err))
}
