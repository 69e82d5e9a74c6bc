// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/pair"
)

// writers is how many writes of a burst are under way at a time.
const writers = 8

// Namespaces of the floor, which the konnector does not watch.
const (
	floorConsumerNamespace = "floor"
	floorProviderNamespace = "floor"
)

// bench is what all measurements stand on.
type bench struct {
	pair *pair.Pair
	// What the konnector syncs.
	consumer, provider dynamic.ResourceInterface
	consumers, copies  *follower
	// Where the floor writes: the same resource, on the same API servers.
	floorConsumer, floorProvider dynamic.ResourceInterface
	floorConsumers, floorCopies  *follower
}

func newBench(ctx context.Context, p *pair.Pair, place *pair.Place) (*bench, error) {
	consumer, err := dynamic.NewForConfig(p.Consumer.Config())
	if err != nil {
		return nil, err
	}
	provider, err := at(p, place)
	if err != nil {
		return nil, err
	}
	b := &bench{
		pair:     p,
		consumer: consumer.Resource(resource).Namespace(consumerNamespace),
		provider: provider.Resource(resource).Namespace(place.There(consumerNamespace)),
	}
	if b.floorProvider, err = floorAt(ctx, p, place); err != nil {
		return nil, err
	}
	// The floor's objects in the consumer are of a resource that is not bound, so that the konnector leaves them alone.
	if err := p.Consumer.EnsureNamespace(ctx, floorConsumerNamespace); err != nil {
		return nil, err
	}
	floorResource := resource
	floorResource.Group = floorGroup
	if err := installFloor(ctx, p); err != nil {
		return nil, err
	}
	b.floorConsumer = consumer.Resource(floorResource).Namespace(floorConsumerNamespace)
	return b, nil
}

// at is an administrator's client for where a place lies.
func at(p *pair.Pair, place *pair.Place) (dynamic.Interface, error) {
	there, err := clientcmd.RESTConfigFromKubeConfig(place.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of a place: %w", err)
	}
	config := rest.CopyConfig(p.Provider.Config())
	config.Host = there.Host
	return dynamic.NewForConfig(config)
}

// warm creates and deletes some objects, so that namespaces, caches and connections are there, and starts following.
func (b *bench) warm(ctx context.Context) error {
	var err error
	if b.consumers, err = follow(ctx, b.consumer); err != nil {
		return err
	}
	if b.copies, err = follow(ctx, b.provider); err != nil {
		return err
	}
	if b.floorConsumers, err = follow(ctx, b.floorConsumer); err != nil {
		return err
	}
	if b.floorCopies, err = follow(ctx, b.floorProvider); err != nil {
		return err
	}
	some := names("warm", 20)
	for _, step := range []func() error{
		func() error { return each(some, func(name string) error { return b.create(ctx, name) }) },
		func() error { return b.copies.wait(ctx, some, present) },
		func() error { return each(some, func(name string) error { return b.delete(ctx, name) }) },
		func() error { return b.consumers.wait(ctx, some, absent) },
		func() error { return each(some, func(name string) error { return b.floorCreate(ctx, name) }) },
		func() error { return each(some, func(name string) error { return b.floorDelete(ctx, name) }) },
		func() error { return b.floorConsumers.wait(ctx, some, absent) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
	}
	return nil
}

// measure does everything in order.
func (b *bench) measure(ctx context.Context, n sizes) (*syncResults, error) {
	r := &syncResults{Burst: n.burst, Held: n.held}
	for _, part := range []struct {
		say string
		do  func(context.Context, sizes, *syncResults) error
	}{
		{"Bursts.", b.bursts},
		{"One at a time.", b.latencies},
		{"Memory.", b.memory},
		{"Restart.", b.restart},
	} {
		fmt.Fprintln(os.Stderr, part.say)
		if err := part.do(ctx, n, r); err != nil {
			return nil, fmt.Errorf("%s %w", part.say, err)
		}
	}
	for _, b := range r.Bursts {
		b.derive()
	}
	return r, nil
}

// each calls f for all names, by several writers, and returns the first error of each.
func each(names []string, f func(string) error) error { return eachBy(writers, names, f) }

// eachBy is each with that many at a time.
func eachBy(together int, names []string, f func(string) error) error {
	work, errs := make(chan string), make(chan error, together)
	for range together {
		go func() {
			var first error
			for name := range work {
				if first == nil {
					first = f(name)
				}
			}
			errs <- first
		}()
	}
	for _, name := range names {
		work <- name
	}
	close(work)
	var all []error
	for range together {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// What a user, or the service on the provider, does to one object.

func (b *bench) create(ctx context.Context, name string) error {
	_, err := b.consumer.Create(ctx, object(consumerNamespace, name, 0), metav1.CreateOptions{})
	return err
}

func (b *bench) update(ctx context.Context, name string, revision int) error {
	_, err := b.consumer.Patch(ctx, name, types.MergePatchType, intentPatch(revision), metav1.PatchOptions{})
	return err
}

func (b *bench) status(ctx context.Context, name, result string) error {
	_, err := b.provider.Patch(ctx, name, types.MergePatchType, resultPatch(result), metav1.PatchOptions{}, "status")
	return err
}

func (b *bench) delete(ctx context.Context, name string) error {
	return b.consumer.Delete(ctx, name, metav1.DeleteOptions{})
}

func intentPatch(revision int) []byte {
	return fmt.Appendf(nil, `{"spec":{"intent":%q}}`, intent(revision))
}

func resultPatch(result string) []byte {
	return fmt.Appendf(nil, `{"status":{"result":%q}}`, result)
}

// memory measures the konnector without and with objects.
func (b *bench) memory(ctx context.Context, n sizes, r *syncResults) error {
	// A new process has not grown by the bursts.
	if err := b.restartKonnector(ctx); err != nil {
		return err
	}
	pid := b.pair.Konnector().PID()
	var err error
	if r.IdleKB, err = settledKB(ctx, pid); err != nil {
		return err
	}
	held := names("held", n.held)
	if err := each(held, func(name string) error { return b.create(ctx, name) }); err != nil {
		return err
	}
	if err := b.copies.wait(ctx, held, present); err != nil {
		return err
	}
	if r.HeldKB, err = settledKB(ctx, pid); err != nil {
		return err
	}
	return nil
}

// settledKB is the resident memory once it does not shrink any more.
func settledKB(ctx context.Context, pid int) (int, error) {
	const window, pause = 10, time.Second
	var last []int
	for {
		kb, err := residentKB(pid)
		if err != nil {
			return 0, err
		}
		last = append(last, kb)
		if len(last) >= window {
			recent := last[len(last)-window:]
			if kb >= recent[0] || recent[0]-kb < recent[0]/50 {
				return slices.Max(recent), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// restart counts what a konnector does when it starts and nothing has changed.
func (b *bench) restart(ctx context.Context, _ sizes, r *syncResults) error {
	before, err := b.count(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := b.restartKonnector(ctx); err != nil {
		return err
	}
	after, err := b.count(ctx)
	if err != nil {
		return err
	}
	r.RestartSeconds = time.Since(start).Seconds()
	did := after.since(before)
	// The canary of restartKonnector is a create by us, a finalizer and a copy.
	r.RestartWrites = did.consumer.Writes() + did.provider.Writes() - canaryWrites
	return nil
}

// canaryWrites are the writes of a canary: the user's create, the finalizer and the copy.
const canaryWrites = 3

// restartKonnector ends the konnector and returns once the next one has looked at every object: its queue is first in,
// first out, so an object created last is the last.
func (b *bench) restartKonnector(ctx context.Context) error {
	if err := b.pair.Konnector().Stop(); err != nil {
		return err
	}
	if err := b.pair.StartKonnector(); err != nil {
		return err
	}
	if err := b.awaitLeader(ctx); err != nil {
		return err
	}
	canary := fmt.Sprintf("canary-%d", time.Now().UnixNano())
	if err := b.create(ctx, canary); err != nil {
		return err
	}
	return b.copies.wait(ctx, []string{canary}, present)
}

// awaitLeader waits for the first heartbeat of the new konnector's leadership, after which caches fill.
func (b *bench) awaitLeader(ctx context.Context) error {
	binding := &kubebindv1alpha2.APIServiceBinding{}
	for {
		if err := b.pair.Consumer.Client.Get(ctx, client.ObjectKey{Name: "cowboys"}, binding); err != nil {
			return err
		}
		if kubebindv1alpha2.IsTrue(binding.Status.Conditions, kubebindv1alpha2.ConditionInformersSynced) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
