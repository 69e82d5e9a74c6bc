// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"kube-bind.io/kube-bind/backend/grants"
	"kube-bind.io/kube-bind/test/pair"
)

// The goals of a large installation. Those of memory and writes are exact; those of time leave room for a machine that is busy.
const (
	maxStart      = 180.0 // seconds
	maxRestart    = 30.0  // seconds
	maxBindRatio  = 1.5
	maxConsumerKB = 150.0
	// The heap may double before garbage is collected, and with many objects it has had the time to.
	maxKBPerObjectOfMany = 20.0
	maxMove              = 30.0 // seconds
)

// largeResults say whether a large installation is still a fast one.
type largeResults struct {
	// Objects: the konnector's first start with that many to copy, its memory with them, and a restart with nothing to do.
	Objects        int     `json:"objects"`
	StartSeconds   float64 `json:"startSeconds"`
	IdleKB         int     `json:"idleKB"`
	HeldKB         int     `json:"heldKB"`
	RestartSeconds float64 `json:"restartSeconds"`
	RestartWrites  int     `json:"restartWrites"`
	// Consumers of one backend: milliseconds (median) of a bind among the first and the last of them, from the request to the
	// kubeconfig, and the backend's memory for each.
	Consumers   int     `json:"consumers"`
	Sample      int     `json:"sample"`
	FirstBindMs float64 `json:"firstBindP50Ms"`
	LastBindMs  float64 `json:"lastBindP50Ms"`
	BackendKB   int     `json:"backendKB"`
	BackendIdle int     `json:"backendIdleKB"`
	// Replicas that share logical clusters: see sharers.
	*sharers
}

func (r *largeResults) kbPerObject() float64 { return float64(r.HeldKB-r.IdleKB) / float64(r.Objects) }

// bindRatio compares the work of the last binds with that of the first: the time that every bind waits for its fence would hide it.
func (r *largeResults) bindRatio() float64 {
	fence := float64(grants.SettleTime.Milliseconds())
	return (r.LastBindMs - fence) / (r.FirstBindMs - fence)
}

func (r *largeResults) kbPerConsumer() float64 {
	return float64(r.BackendKB-r.BackendIdle) / float64(r.Consumers)
}

func (r *largeResults) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintf(t, "\nkonnector\tstart s\tMB\tKB per object\trestart s\trestart writes\t\n")
	fmt.Fprintf(t, "%d objects\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t\n", r.Objects, r.StartSeconds, float64(r.HeldKB)/1024, r.kbPerObject(), r.RestartSeconds, r.RestartWrites)
	fmt.Fprintf(t, "\nbackend\tfirst %d: bind ms\tlast %d: bind ms\tratio without %s\tMB\tKB per consumer\t\n", r.Sample, r.Sample, grants.SettleTime)
	fmt.Fprintf(t, "%d consumers\t%.0f\t%.0f\t%.2f\t%.1f\t%.1f\t\n", r.Consumers, r.FirstBindMs, r.LastBindMs, r.bindRatio(), float64(r.BackendKB)/1024, r.kbPerConsumer())
	fmt.Fprintf(t, "\nreplicas\tlogical clusters\tof the killed one\tmoved within s\tothers disturbed\t\n")
	fmt.Fprintf(t, "%d\t%d\t%d\t%.1f\t%d\t\n", r.Replicas, r.Clusters, r.Moved, r.MoveSeconds, r.Disturbed)
}

// missed returns the goals that were not reached.
func (r *largeResults) missed() error {
	var errs []error
	for _, goal := range []struct {
		what      string
		have, max float64
	}{
		{"seconds to start", r.StartSeconds, maxStart},
		{"seconds to restart", r.RestartSeconds, maxRestart},
		{"writes at a restart", float64(r.RestartWrites), 0},
		{"KB per object", r.kbPerObject(), maxKBPerObjectOfMany},
		{"times the first binds", r.bindRatio(), maxBindRatio},
		{"KB of the backend per consumer", r.kbPerConsumer(), maxConsumerKB},
		{"seconds until logical clusters have moved", r.MoveSeconds, maxMove},
		{"logical clusters disturbed", float64(r.Disturbed), 0},
	} {
		if goal.have > goal.max {
			errs = append(errs, fmt.Errorf("missed: %.2f %s, should be at most %.2f", goal.have, goal.what, goal.max))
		}
	}
	if r.Moved == 0 {
		errs = append(errs, errors.New("missed: the replica that was killed had no logical cluster"))
	}
	return errors.Join(errs...)
}

// measureLarge measures a large installation on a pair of its own.
func measureLarge(ctx context.Context, n sizes, results *results) (err error) {
	fmt.Fprintln(os.Stderr, "Starting a provider and a consumer, backend and konnector.")
	p, err := pair.Start(ctx, pair.Options{Kind: pair.Kubernetes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop(), p.RemoveLogs()) }()
	ctx, cancel := context.WithCancel(ctx) // what follows objects ends before the control planes do
	defer cancel()
	b, err := prepare(ctx, p)
	if err != nil {
		return err
	}
	r := &largeResults{Objects: n.objects, Consumers: n.large, Sample: min(50, n.large/2)}
	for _, part := range []struct {
		say string
		do  func(context.Context, *largeResults) error
	}{
		{fmt.Sprintf("Consumers: %d.", n.large), b.manyConsumers},
		{fmt.Sprintf("Objects: %d.", n.objects), b.manyObjects},
		{"Replicas.", func(ctx context.Context, r *largeResults) (err error) {
			r.sharers, err = measureSharing(ctx, p.Provider.Config())
			return err
		}},
	} {
		fmt.Fprintln(os.Stderr, part.say)
		if err := part.do(ctx, r); err != nil {
			return fmt.Errorf("%s %w", part.say, err)
		}
	}
	results.Large = r
	r.print(os.Stdout)
	return nil
}

// manyConsumers binds for many consumers. The first and the last are measured one at a time.
func (b *bench) manyConsumers(ctx context.Context, r *largeResults) error {
	all := names("large", r.Consumers)
	bind := func(name string) error {
		_, err := b.pair.Request(ctx, name, "cowboys", name)
		return err
	}
	measured := func(names []string) (float64, error) {
		var took []time.Duration
		for _, name := range names {
			one, err := timed(func() error { return bind(name) })
			if err != nil {
				return 0, err
			}
			took = append(took, one)
		}
		slices.Sort(took)
		return float64(took[len(took)/2].Microseconds()) / 1000, nil
	}
	pid := b.pair.Backend().PID()
	var err error
	if r.BackendIdle, err = settledKB(ctx, pid); err != nil {
		return err
	}
	if r.FirstBindMs, err = measured(all[:r.Sample]); err != nil {
		return err
	}
	if err := each(all[r.Sample:r.Consumers-r.Sample], bind); err != nil {
		return err
	}
	if r.LastBindMs, err = measured(all[r.Consumers-r.Sample:]); err != nil {
		return err
	}
	r.BackendKB, err = settledKB(ctx, pid)
	return err
}

// manyObjects starts the konnector where there are many objects, which are not copied yet, and starts it anew when they are.
func (b *bench) manyObjects(ctx context.Context, r *largeResults) error {
	if err := b.restartKonnector(ctx); err != nil {
		return err
	}
	var err error
	if r.IdleKB, err = settledKB(ctx, b.pair.Konnector().PID()); err != nil {
		return err
	}
	if err := b.pair.Konnector().Stop(); err != nil {
		return err
	}
	all := names("large", r.Objects)
	if err := each(all, func(name string) error { return b.create(ctx, name) }); err != nil {
		return err
	}
	start, err := timed(func() error {
		if err := b.pair.StartKonnector(); err != nil {
			return err
		}
		return b.copies.wait(ctx, all, present)
	})
	if err != nil {
		return err
	}
	r.StartSeconds = start.Seconds()
	if r.HeldKB, err = settledKB(ctx, b.pair.Konnector().PID()); err != nil {
		return err
	}
	again := &syncResults{}
	err = b.restart(ctx, sizes{}, again)
	r.RestartSeconds, r.RestartWrites = again.RestartSeconds, again.RestartWrites
	return err
}
