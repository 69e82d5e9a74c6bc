// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// follower knows, by one watch, which objects of a namespace satisfy a condition. Floor and konnector are both watched
// by it, so it costs both the same.
type follower struct {
	mu      sync.Mutex
	objects map[string]*unstructured.Unstructured
	// changed is closed with the next change.
	changed chan struct{}
	ended   chan struct{}
}

// follow watches a namespace from now on, until ctx ends.
func follow(ctx context.Context, client dynamic.ResourceInterface) (*follower, error) {
	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	f := &follower{objects: map[string]*unstructured.Unstructured{}, changed: make(chan struct{}), ended: make(chan struct{})}
	for i := range list.Items {
		f.objects[list.Items[i].GetName()] = &list.Items[i]
	}
	// API servers end watches that cannot keep up for a moment; this one goes on where it was.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return client.Watch(ctx, o) },
	})
	if err != nil {
		return nil, err
	}
	go f.run(events)
	return f, nil
}

func (f *follower) run(events watch.Interface) {
	defer close(f.ended)
	for event := range events.ResultChan() {
		o, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		f.mu.Lock()
		if event.Type == watch.Deleted {
			delete(f.objects, o.GetName())
		} else {
			f.objects[o.GetName()] = o
		}
		close(f.changed)
		f.changed = make(chan struct{})
		f.mu.Unlock()
	}
}

// wait returns once the condition holds for all names; nil is an absent object. What holds once is not asked again.
func (f *follower) wait(ctx context.Context, names []string, holds func(*unstructured.Unstructured) bool) error {
	left := map[string]bool{}
	for _, name := range names {
		left[name] = true
	}
	for {
		f.mu.Lock()
		for name := range left {
			if holds(f.objects[name]) {
				delete(left, name)
			}
		}
		changed := f.changed
		f.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-f.ended:
			return errors.New("the watch ended and could not be begun again")
		case <-ctx.Done():
			return fmt.Errorf("%d of %d objects did not get there: %w", len(left), len(names), ctx.Err())
		}
	}
}

func present(o *unstructured.Unstructured) bool { return o != nil }
func absent(o *unstructured.Unstructured) bool  { return o == nil }

func hasIntent(revision int) func(*unstructured.Unstructured) bool {
	want := intent(revision)
	return func(o *unstructured.Unstructured) bool {
		if o == nil {
			return false
		}
		have, _, _ := unstructured.NestedString(o.Object, "spec", "intent")
		return have == want
	}
}

func hasResult(want string) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool {
		if o == nil {
			return false
		}
		have, _, _ := unstructured.NestedString(o.Object, "status", "result")
		return have == want
	}
}
