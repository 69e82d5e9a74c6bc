// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	gosync "sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
)

// coverage knows which of the provider's namespaces need a watch: those where the consumer has objects of the resource, or
// where the provider has. With many exports and many namespaces most pairs of the two are empty, and each watch has its
// price on both sides. Whether the provider has objects is asked once: after that, none of ours comes into being without a
// consumer object. What was watched once stays so.
type coverage struct {
	mu       gosync.Mutex
	occupied sets.Set[string]
	empty    sets.Set[string]
	asked    sets.Set[string] // to be asked about
	asking   bool
	done     gosync.WaitGroup
}

func newCoverage() *coverage {
	return &coverage{occupied: sets.New[string](), empty: sets.New[string](), asked: sets.New[string]()}
}

// needed are the namespaces to watch of those that could be. The others are to be asked about, or were. A single one is
// always watched.
func (c *coverage) needed(possible sets.Set[string], has func(namespace string) bool) sets.Set[string] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.occupied, c.empty, c.asked = c.occupied.Intersection(possible), c.empty.Intersection(possible), c.asked.Intersection(possible)
	for namespace := range possible {
		switch {
		case c.occupied.Has(namespace):
		case len(possible) == 1, namespace == metav1.NamespaceAll, has(namespace):
			c.occupied.Insert(namespace)
			c.empty.Delete(namespace)
		case !c.empty.Has(namespace):
			c.asked.Insert(namespace)
		}
	}
	return c.occupied.Clone()
}

// ask asks about the namespaces that nothing is known of, one after the other, and calls again when one must be watched.
func (c *coverage) ask(ctx context.Context, hasAny func(ctx context.Context, namespace string) bool, again func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking || c.asked.Len() == 0 {
		return
	}
	c.asking = true
	c.done.Go(func() {
		for {
			namespace, more := c.next(ctx)
			if !more {
				return
			}
			if c.answered(namespace, hasAny(ctx, namespace)) {
				again()
			}
		}
	})
}

func (c *coverage) next(ctx context.Context) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	namespace, more := c.asked.PopAny()
	if !more || ctx.Err() != nil {
		c.asking = false
		return "", false
	}
	return namespace, true
}

func (c *coverage) answered(namespace string, any bool) (occupied bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if any {
		c.occupied.Insert(namespace)
	} else if !c.occupied.Has(namespace) {
		c.empty.Insert(namespace)
	}
	return any
}

// state says whether a namespace needs a watch, and whether there was nothing in it when it was asked about.
func (c *coverage) state(namespace string) (occupied, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.occupied.Has(namespace), c.empty.Has(namespace)
}

// hasAny says whether the provider has any object in a namespace. Where it does not say, a watch will.
func (s *Syncer) hasAny(ctx context.Context, namespace string) bool {
	list, err := s.Provider.Resource(s.Resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	return err != nil || len(list.Items) > 0
}
