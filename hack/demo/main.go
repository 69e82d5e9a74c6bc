// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// limit is how long the steps may take.
const limit = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, args[1])
	case len(args) == 2 && args[0] == "browse":
		return browse(ctx, args[1])
	}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	keep := flags.Bool("keep", false, "leave everything running")
	provider := flags.String("provider", kubernetes, "what the provider is: "+kubernetes+" or "+kcp)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *provider != kubernetes && *provider != kcp {
		return fmt.Errorf("unknown arguments %q: it takes --keep and --provider=%s or %s", args, kubernetes, kcp)
	}
	return demo(ctx, *keep, *provider == kcp)
}

// What the provider can be.
const (
	kubernetes = "kubernetes"
	kcp        = "kcp"
)

func demo(ctx context.Context, keep, onKCP bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	begin := startDev
	if onKCP {
		begin = startKCP
		say("Starting a kcp for the provider and a control plane for the consumer, the provider's backend and the consumer's konnector.")
	} else {
		say("Starting two control planes, the provider's backend and the consumer's konnector.")
	}
	world, err := begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || !keep {
			err = errors.Join(err, world.stop())
		}
	}()
	say("Ready after %.0f s.", time.Since(start).Seconds())
	if err := world.walk(ctx); err != nil {
		return err
	}
	if keep {
		end, err := world.leave()
		if err == nil {
			world.sayHow(end)
		}
		return err
	}
	say("Done after %.0f s. All of it ends now, and no file is left.", time.Since(start).Seconds())
	return nil
}

func say(format string, args ...any) { fmt.Printf("\n"+format+"\n", args...) }
