// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

// A walk can be repeated from its seed, and another seed is another walk. A longer one begins with the shorter.
func TestWalkIsAFunctionOfItsSeed(t *testing.T) {
	t.Parallel()
	const length = 3 * time.Minute
	for _, seed := range []uint64{0, 1, 42, 1 << 63} {
		first := plan(seed, length)
		if !reflect.DeepEqual(first, plan(seed, length)) {
			t.Errorf("seed %d: two plans differ", seed)
		}
		if other := plan(seed+1, length); reflect.DeepEqual(first.faults, other.faults) || sameActs(first.operations, other.operations) {
			t.Errorf("seeds %d and %d have the same plan", seed, seed+1)
		}
		longer := plan(seed, 2*length)
		if n := len(first.operations); !slices.Equal(longer.operations[:n], first.operations) {
			t.Errorf("seed %d: the longer plan has other operations", seed)
		}
		for target, faults := range first.faults {
			if n := len(faults); !slices.Equal(longer.faults[target][:n], faults) {
				t.Errorf("seed %d: the longer plan has other faults of the %s", seed, target)
			}
		}
	}
}

// sameActs compares operations without their values, which have the seed in them.
func sameActs(a, b []operation) bool {
	return slices.EqualFunc(a, b, func(x, y operation) bool { return x.act == y.act && x.subject == y.subject })
}

// Three minutes are enough for everything that can happen, whatever the seed.
func TestWalkHasEverythingInThreeMinutes(t *testing.T) {
	t.Parallel()
	const length, seeds = 3 * time.Minute, 200
	for seed := range uint64(seeds) {
		p := plan(seed, length)
		done := sets.New[operation]()
		for _, o := range p.operations {
			done.Insert(operation{act: o.act, subject: subject{thing: o.thing}})
		}
		for _, want := range everyAct() {
			if !done.Has(want) {
				t.Errorf("seed %d: nobody does: %s %s", seed, want.act, want.thing)
			}
		}
		for _, c := range climates() {
			had := sets.New[trouble]()
			for _, f := range p.faults[c.target] {
				had.Insert(f.trouble)
			}
			if !had.Equal(sets.New(c.troubles...)) {
				t.Errorf("seed %d: the %s has %v, want %v", seed, c.target, sets.List(had), c.troubles)
			}
		}
	}
}

// everyAct is all that users do.
func everyAct() []operation {
	out := []operation{{act: makeNamespace}, {act: removeNamespace}, {act: status, subject: subject{thing: cowboy}}}
	for _, s := range []thing{cowboy, sent, given} {
		for _, a := range []act{create, change, remove, removeCopy, changeCopy} {
			out = append(out, operation{act: a, subject: subject{thing: s}})
		}
	}
	return out
}

// Faults of a target follow one another, within the walk, and operations are in order. What is foreign is not touched by the
// users either.
func TestWalkIsInOrder(t *testing.T) {
	t.Parallel()
	const length, seeds = 3 * time.Minute, 50
	for seed := range uint64(seeds) {
		p := plan(seed, length)
		for target, faults := range p.faults {
			end := time.Duration(0)
			for _, f := range faults {
				if f.at < end || f.lasts <= 0 || f.at+f.lasts > length || f.target != target {
					t.Errorf("seed %d: %+v of the %s, after one until %s", seed, f, target, end)
				}
				end = f.at + f.lasts
			}
		}
		byTime := func(a, b operation) int { return int(a.at - b.at) }
		if !slices.IsSortedFunc(p.operations, byTime) {
			t.Errorf("seed %d: the operations are not in order", seed)
		}
		for _, o := range p.operations {
			if o.shadowed() && (o.act == status || o.act == removeCopy || o.act == changeCopy) || o.namespace == taken && o.thing == given {
				t.Errorf("seed %d: %s would touch what is foreign", seed, o)
			}
		}
	}
}
