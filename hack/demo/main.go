// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// limit is how long the steps may take.
const limit = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	case len(args) == 0:
		return demo(ctx, false)
	case len(args) == 1 && args[0] == "--keep":
		return demo(ctx, true)
	}
	return fmt.Errorf("unknown arguments %q: it takes --keep, or nothing", args)
}

func demo(ctx context.Context, keep bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	say("Starting two control planes, the provider's backend and the consumer's konnector.")
	world, err := startWorld(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil || !keep {
			if stopErr := world.stop(); err == nil {
				err = stopErr
			}
		}
	}()
	say("Ready after %.0f s.", time.Since(start).Seconds())
	if err := world.walk(ctx); err != nil {
		return err
	}
	if keep {
		return world.leave()
	}
	say("Done after %.0f s; nothing is left running.", time.Since(start).Seconds())
	return nil
}

func say(format string, args ...any) { fmt.Printf("\n"+format+"\n", args...) }
