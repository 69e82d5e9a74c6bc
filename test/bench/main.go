// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"kube-bind.io/kube-bind/test/pair"
)

// limit is how long the whole run may take.
const limit = 20 * time.Minute

func main() {
	out := flag.String("o", "bench.json", "file for the results")
	burst := flag.Int("burst", 500, "objects of a burst")
	held := flag.Int("held", 5000, "objects that memory and restart are measured with")
	single := flag.Int("single", 50, "creates whose latency is measured, one at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, *out, sizes{burst: *burst, held: *held, single: *single}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sizes say how much is measured.
type sizes struct{ burst, held, single int }

func run(ctx context.Context, out string, n sizes) (err error) {
	fmt.Fprintln(os.Stderr, "Starting two control planes, backend and konnector.")
	p, err := pair.Start(ctx, pair.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop(), p.RemoveLogs()) }()
	b, err := prepare(ctx, p)
	if err != nil {
		return err
	}
	results, err := b.measure(ctx, n)
	if err != nil {
		return err
	}
	results.print(os.Stdout)
	if err := results.write(out); err != nil {
		return err
	}
	return results.missed()
}

// prepare exports and binds the example API.
func prepare(ctx context.Context, p *pair.Pair) (*bench, error) {
	root, err := pair.Root(ctx)
	if err != nil {
		return nil, err
	}
	examples := filepath.Join(root, "deploy", "examples")
	if err := p.ApplyTemplate(ctx, filepath.Join(examples, "crd-cowboys.yaml"), filepath.Join(examples, "template-cowboys.yaml")); err != nil {
		return nil, err
	}
	place, err := p.Bind(ctx, "cowboys", "cowboys")
	if err != nil {
		return nil, err
	}
	b, err := newBench(ctx, p, place)
	if err != nil {
		return nil, err
	}
	return b, b.warm(ctx)
}
