// SPDX-License-Identifier: Apache-2.0

package sync

import (
	gosync "sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// stamps are when the first news came that the other side does not have yet, by the side that it came from. Zero: none.
type stamps [2]time.Time

// arrivals are the times at which news of objects came, to know how long it takes until the other side has them. A key is
// forgotten when its object is in sync, or cannot be without somebody's help: there are never more than objects that wait.
type arrivals struct {
	mu gosync.Mutex
	// pending came since a worker last took the key, current is what it took.
	pending, current map[types.NamespacedName]stamps
}

func newArrivals() *arrivals {
	return &arrivals{pending: map[types.NamespacedName]stamps{}, current: map[types.NamespacedName]stamps{}}
}

// note has news come now. What came before and still waits counts.
func (a *arrivals) note(on where, key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.pending[key]
	if s[on].IsZero() {
		s[on] = time.Now()
		a.pending[key] = s
	}
}

// take begins work on an object. What comes from now on is another matter.
func (a *arrivals) take(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, ok := a.pending[key]; ok {
		a.current[key] = s
		delete(a.pending, key)
	}
}

// arrived is when the news came that a write to the other side has just carried there, once.
func (a *arrivals) arrived(from where, key types.NamespacedName) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.current[key]
	at := s[from]
	if ok {
		s[from] = time.Time{}
		a.current[key] = s
	}
	return at, !at.IsZero()
}

// settle ends work on an object. If it waits, what came before still counts.
func (a *arrivals) settle(key types.NamespacedName, waits bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.current[key]
	delete(a.current, key)
	if !ok || !waits || s == (stamps{}) {
		return
	}
	p := a.pending[key]
	for on, at := range s {
		if !at.IsZero() {
			p[on] = at
		}
	}
	a.pending[key] = p
}

// arrive measures how long news was under way that a write has carried to the other side. Finalizers before the first copy,
// and marks, carry none.
func (e *engine) arrive(key types.NamespacedName, a plan.Action) {
	if a.Kind == plan.AddFinalizer || a.Kind == plan.Mark {
		return
	}
	from := here
	if whereOf(a) == here {
		from = there
	}
	if at, ok := e.arrivals.arrived(from, key); ok {
		e.Metrics.carried(e.series(), from, time.Since(at))
	}
}
