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
const limit = time.Hour

func main() {
	out := flag.String("o", "bench.json", "file for the results")
	burst := flag.Int("burst", 500, "objects of a burst")
	held := flag.Int("held", 5000, "objects that memory and restart are measured with")
	single := flag.Int("single", 50, "creates whose latency is measured, one at a time")
	referring := flag.Int("referring", 5000, "objects that refer to claimed ones")
	namespaces := flag.Int("namespaces", 200, "namespaces in scope Namespaced")
	exports := flag.Int("exports", 50, "exports on one connection")
	consumers := flag.Int("consumers", 50, "consumers that are placed, on kcp")
	kcp := flag.Bool("kcp", false, "measure a kcp beside the plain provider, and leave out what does not depend on it")
	scaleOnly := flag.Bool("scale-only", false, "leave out bursts, latency, memory and restart")
	large := flag.Bool("large", false, "measure a large installation instead: many objects, many consumers, replicas that share logical clusters")
	objects := flag.Int("objects", 10000, "objects of a large installation")
	largeConsumers := flag.Int("large-consumers", 500, "consumers of a large installation")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, *out, sizes{
		burst: *burst, held: *held, single: *single, referring: *referring, namespaces: *namespaces, exports: *exports, scaleOnly: *scaleOnly,
		workspaces: []int{1, 10, 100}, consumers: *consumers, kcp: *kcp,
		objects: *objects, large: *largeConsumers, largeOnly: *large,
	}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sizes say how much is measured.
type sizes struct {
	burst, held, single            int
	referring, namespaces, exports int
	scaleOnly                      bool
	workspaces                     []int
	consumers                      int
	kcp                            bool
	objects, large                 int
	largeOnly                      bool
}

func run(ctx context.Context, out string, n sizes) error {
	r := &results{}
	parts := []func(context.Context, sizes, *results) error{measurePlain, measureScale}
	switch {
	case n.kcp:
		parts = []func(context.Context, sizes, *results) error{measurePlain, measureKCP}
	case n.largeOnly:
		parts = []func(context.Context, sizes, *results) error{measureLarge}
	case n.scaleOnly:
		parts = parts[1:]
	}
	for _, part := range parts {
		if err := part(ctx, n, r); err != nil {
			return err
		}
	}
	if err := r.write(out); err != nil {
		return err
	}
	return r.missed()
}

func measurePlain(ctx context.Context, n sizes, r *results) (err error) {
	if r.syncResults, err = measureSync(ctx, n, pair.Kubernetes); err == nil {
		r.print(os.Stdout, "The provider is a plain cluster.")
	}
	return err
}

// measureSync measures what one resource costs with a kind of provider.
func measureSync(ctx context.Context, n sizes, kind pair.Kind) (_ *syncResults, err error) {
	fmt.Fprintf(os.Stderr, "Starting a provider (%s) and a consumer, backend and konnector.\n", kind)
	p, err := pair.Start(ctx, pair.Options{Kind: kind})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop(), p.RemoveLogs()) }()
	ctx, cancel := context.WithCancel(ctx) // what follows objects ends before the control planes do
	defer cancel()
	b, err := prepare(ctx, p)
	if err != nil {
		return nil, err
	}
	return b.measure(ctx, n)
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
