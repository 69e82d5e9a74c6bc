// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// operation is one thing done to each object of a burst.
type operation struct {
	name string
	// user is what the user, or the service, does to an object; done waits for its effect.
	user func(ctx context.Context, name string) error
	done func(ctx context.Context, names []string) error
	// userWrites says on which side the user's own writes are counted.
	onConsumer bool
	// floor is what the user and a perfect syncer do, one after the other.
	floor func(ctx context.Context, name string) error
	// The writes per object that are to be reached.
	wantConsumer, wantProvider int
}

func (b *bench) operations() []operation {
	return []operation{
		{
			name: "create", onConsumer: true, wantConsumer: 1, wantProvider: 1,
			user:  b.create,
			done:  func(ctx context.Context, names []string) error { return b.copies.wait(ctx, names, present) },
			floor: b.floorCreate,
		},
		{
			name: "update", onConsumer: true, wantConsumer: 0, wantProvider: 1,
			user:  func(ctx context.Context, name string) error { return b.update(ctx, name, 1) },
			done:  func(ctx context.Context, names []string) error { return b.copies.wait(ctx, names, hasIntent(1)) },
			floor: b.floorUpdate,
		},
		{
			name: "status", onConsumer: false, wantConsumer: 1, wantProvider: 0,
			user: func(ctx context.Context, name string) error { return b.status(ctx, name, "done") },
			done: func(ctx context.Context, names []string) error {
				return b.consumers.wait(ctx, names, hasResult("done"))
			},
			floor: b.floorStatus,
		},
		{
			name: "delete", onConsumer: true, wantConsumer: 1, wantProvider: 1,
			user:  b.delete,
			done:  func(ctx context.Context, names []string) error { return b.consumers.wait(ctx, names, absent) },
			floor: b.floorDelete,
		},
	}
}

// rounds is how often each burst is measured. The times are added up, which evens out what else the machine does.
const rounds = 3

// bursts measures all operations on the same objects. Floor and konnector take turns, also in who is first.
func (b *bench) bursts(ctx context.Context, n sizes, r *syncResults) error {
	sums := map[string]*burst{}
	for round := range rounds {
		objects := names(fmt.Sprintf("burst-%d", round), n.burst)
		for _, op := range b.operations() {
			if sums[op.name] == nil {
				sums[op.name] = &burst{Operation: op.name, objects: rounds * n.burst, wantConsumer: op.wantConsumer, wantProvider: op.wantProvider}
				r.Bursts = append(r.Bursts, sums[op.name])
			}
			turns := []func(context.Context, operation, []string, *burst) error{b.burstFloor, b.burstKonnector}
			for i := range turns {
				if err := turns[(i+round)%2](ctx, op, objects, sums[op.name]); err != nil {
					return fmt.Errorf("%s: %w", op.name, err)
				}
			}
		}
	}
	return nil
}

func (b *bench) burstFloor(ctx context.Context, op operation, objects []string, sum *burst) error {
	took, err := timed(func() error { return each(objects, func(name string) error { return op.floor(ctx, name) }) })
	sum.floor += took
	return err
}

func (b *bench) burstKonnector(ctx context.Context, op operation, objects []string, sum *burst) error {
	before, err := b.count(ctx)
	if err != nil {
		return err
	}
	cpu, err := cpuTime(b.pair.Konnector().PID())
	if err != nil {
		return err
	}
	took, err := timed(func() error {
		if err := each(objects, func(name string) error { return op.user(ctx, name) }); err != nil {
			return err
		}
		return op.done(ctx, objects)
	})
	if err != nil {
		return err
	}
	sum.took += took
	after, err := cpuTime(b.pair.Konnector().PID())
	if err != nil {
		return err
	}
	sum.cpu += after - cpu
	did, err := b.settledCount(ctx, before)
	if err != nil {
		return err
	}
	sum.consumerWrites += did.consumer.Writes()
	sum.providerWrites += did.provider.Writes()
	sum.reads += did.consumer.Reads() + did.provider.Reads()
	// The user's own writes do not count.
	if op.onConsumer {
		sum.consumerWrites -= len(objects)
	} else {
		sum.providerWrites -= len(objects)
	}
	return nil
}

// settledCount counts once nothing is written any more, so that late writes count as well.
func (b *bench) settledCount(ctx context.Context, before counts) (counts, error) {
	const pause = 2 * time.Second
	last := -1
	for {
		now, err := b.count(ctx)
		if err != nil {
			return counts{}, err
		}
		did := now.since(before)
		total := did.consumer.Writes() + did.provider.Writes()
		if total == last {
			return did, nil
		}
		last = total
		select {
		case <-ctx.Done():
			return counts{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

// The floor: the user's write, and what a perfect syncer would write then, by one client.

func (b *bench) floorCreate(ctx context.Context, name string) error {
	if _, err := b.floorConsumer.Create(ctx, floorObject(name), metav1.CreateOptions{}); err != nil {
		return err
	}
	return b.floorSyncCreate(ctx, name)
}

func (b *bench) floorSyncCreate(ctx context.Context, name string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"finalizers":[%q]}}`, kubebindv1alpha2.SyncerFinalizer)
	if _, err := b.floorConsumer.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	return b.floorApply(ctx, name, 0)
}

func (b *bench) floorApply(ctx context.Context, name string, revision int) error {
	_, err := b.floorProvider.Apply(ctx, name, copyOf(floorProviderNamespace, name, revision),
		metav1.ApplyOptions{FieldManager: kubebindv1alpha2.FieldManager, Force: true})
	return err
}

func (b *bench) floorUpdate(ctx context.Context, name string) error {
	if _, err := b.floorConsumer.Patch(ctx, name, types.MergePatchType, intentPatch(1), metav1.PatchOptions{}); err != nil {
		return err
	}
	return b.floorApply(ctx, name, 1)
}

func (b *bench) floorStatus(ctx context.Context, name string) error {
	if _, err := b.floorProvider.Patch(ctx, name, types.MergePatchType, resultPatch("done"), metav1.PatchOptions{}, "status"); err != nil {
		return err
	}
	_, err := b.floorConsumer.Patch(ctx, name, types.MergePatchType, resultPatch("done"), metav1.PatchOptions{}, "status")
	return err
}

func (b *bench) floorDelete(ctx context.Context, name string) error {
	if err := b.floorConsumer.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := b.floorProvider.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	_, err := b.floorConsumer.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	return err
}

// latencies measures creates one at a time, the floor and the konnector in turn, from the user's request to the copy, and the way
// back, from the service's status to the user's.
func (b *bench) latencies(ctx context.Context, n sizes, r *syncResults) error {
	var floor, konnector, floorBack, back []time.Duration
	for _, name := range names("single", n.single) {
		all := []string{name}
		for _, way := range []struct {
			sum  *[]time.Duration
			do   func(ctx context.Context) error
			done func(ctx context.Context) error
		}{
			{&floor, func(ctx context.Context) error { return b.floorCreate(ctx, name) }, func(ctx context.Context) error { return b.floorCopies.wait(ctx, all, present) }},
			{&konnector, func(ctx context.Context) error { return b.create(ctx, name) }, func(ctx context.Context) error { return b.copies.wait(ctx, all, present) }},
			{&floorBack, func(ctx context.Context) error { return b.floorStatus(ctx, name) }, func(ctx context.Context) error { return b.floorConsumers.wait(ctx, all, hasResult("done")) }},
			{&back, func(ctx context.Context) error { return b.status(ctx, name, "done") }, func(ctx context.Context) error { return b.consumers.wait(ctx, all, hasResult("done")) }},
		} {
			took, err := timed(func() error {
				if err := way.do(ctx); err != nil {
					return err
				}
				return way.done(ctx)
			})
			if err != nil {
				return err
			}
			*way.sum = append(*way.sum, took)
		}
	}
	r.FloorP50, r.FloorP99 = quantiles(floor)
	r.P50, r.P99 = quantiles(konnector)
	r.FloorBackP50, r.FloorBackP99 = quantiles(floorBack)
	r.BackP50, r.BackP99 = quantiles(back)
	return nil
}

// quantiles are the median and the 99th percentile, in milliseconds.
func quantiles(d []time.Duration) (p50, p99 float64) {
	slices.Sort(d)
	ms := func(q int) float64 { return float64(d[(len(d)-1)*q/100].Microseconds()) / 1000 }
	return ms(50), ms(99)
}
