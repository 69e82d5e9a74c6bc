// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// How long to wait before a logical cluster that cannot be engaged is tried again.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = time.Minute
)

// group is a host and its guests, as far as they are there.
type group struct {
	key     string
	members map[*member]bool
	// hold is the work on it, nil while this replica does none. last is that or the one that ended last, in which somebody may still work.
	hold, last *hold
	// busy is whether a step for it is being done.
	busy bool
}

// member is a logical cluster.
type member struct {
	name    multicluster.ClusterName
	cluster cluster.Cluster
	group   *group
	// ctx ends when it leaves.
	ctx   context.Context
	leave context.CancelFunc
}

// hold is the time in which this replica works on a group.
type hold struct {
	// ctx ends with it.
	ctx    context.Context
	cancel context.CancelFunc
	// inside is how many work right now. idle is closed when it has ended and nobody does any more.
	inside int
	idle   chan struct{}
	// before is an earlier one in which somebody still worked when this one began.
	before *hold
}

// wait waits until nobody works any more, be it since an earlier hold. Nobody does who never began.
func (h *hold) wait(ctx context.Context) error {
	for ; h != nil; h = h.before {
		select {
		case <-h.idle:
		case <-ctx.Done():
			if !h.over() {
				return ctx.Err()
			}
		}
	}
	return nil
}

// over tells whether nobody works any more.
func (h *hold) over() bool {
	for ; h != nil; h = h.before {
		select {
		case <-h.idle:
		default:
			return false
		}
	}
	return true
}

// add takes a logical cluster in. One of the same name leaves: it has been replaced.
func (c *Coordinator) add(m *member, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.members[m.name]; before != nil {
		c.forget(before)
	}
	g := c.groups[key]
	if g == nil {
		g = &group{key: key, members: map[*member]bool{}}
		c.groups[key] = g
	}
	m.group, g.members[m] = g, true
	c.members[m.name], c.joined = m, true
	if g.hold != nil {
		go c.serve(m, g.hold)
	}
	c.poke()
}

// remove has a logical cluster leave.
func (c *Coordinator) remove(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members[m.name] == m {
		c.forget(m)
	}
	c.poke()
}

// forget has a member leave, and its group if nothing keeps it. Callers hold the lock.
func (c *Coordinator) forget(m *member) {
	m.leave()
	delete(c.members, m.name)
	delete(m.group.members, m)
	c.tidy(m.group)
}

// tidy forgets a group of which nothing is left. Callers hold the lock.
func (c *Coordinator) tidy(g *group) {
	if len(g.members) == 0 && g.hold == nil && !g.busy && g.last.over() {
		delete(c.groups, g.key)
	}
}

// states are all groups that there are here.
func (c *Coordinator) states() map[string]groupState {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]groupState{}
	for key, g := range c.groups {
		out[key] = groupState{members: len(g.members) > 0, held: g.hold != nil, busy: g.busy}
	}
	return out
}

// reserve keeps other steps for the same group from being begun until done is called.
func (c *Coordinator) reserve(l lease) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[l.key]
	if g == nil || l.of != ofGroup {
		return func() {}
	}
	g.busy = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		g.busy = false
		c.tidy(g)
		c.poke()
	}
}

// hold begins the work on a group whose Lease has just become this replica's, unless that took so long that it may be
// somebody else's by now.
func (c *Coordinator) hold(ctx context.Context, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[key]
	if g == nil || g.hold != nil || !c.running || !time.Now().Before(c.until) {
		return
	}
	h := &hold{idle: make(chan struct{})}
	if !g.last.over() {
		h.before = g.last
	}
	h.ctx, h.cancel = context.WithCancel(ctx)
	g.hold, g.last = h, h
	c.opts.Metrics.held.Inc()
	c.opts.Metrics.changes.WithLabelValues(changeTaken).Inc()
	c.opts.Logger.Info("this replica works on a group of logical clusters", "group", key, "members", len(g.members))
	for m := range g.members {
		go c.serve(m, h)
	}
}

// release ends the work on a group, if there is any, and returns what was done last: that may have ended before, with somebody
// still at it.
func (c *Coordinator) release(key, change string) *hold {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[key]
	if g == nil {
		return nil
	}
	if g.hold != nil {
		c.letGo(g, change)
	}
	return g.last
}

// letGo ends the work on a group. Callers hold the lock.
func (c *Coordinator) letGo(g *group, change string) {
	h := g.hold
	g.hold = nil
	h.cancel()
	if h.inside == 0 {
		close(h.idle)
	}
	c.opts.Metrics.held.Dec()
	c.opts.Metrics.changes.WithLabelValues(change).Inc()
	c.opts.Logger.Info("this replica works on a group of logical clusters no more", "group", g.key, "why", change)
}

// serve engages a logical cluster as long as it is there and its group is this replica's, as often as it takes. Its context is its
// own: that of another one, or that a group was taken by chance in the same moment, is nothing to it.
func (c *Coordinator) serve(m *member, h *hold) {
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	stop := context.AfterFunc(h.ctx, cancel)
	defer stop()
	for delay := firstRetry; ctx.Err() == nil; delay = min(2*delay, lastRetry) {
		try, end := context.WithCancel(ctx)
		err := c.engage(try, m)
		if err == nil {
			c.opts.Logger.V(1).Info("serving a logical cluster", "cluster", m.name)
			<-ctx.Done()
			end()
			return
		}
		end() // what was started of it
		if ctx.Err() != nil {
			return
		}
		c.opts.Metrics.failures.WithLabelValues(failedEngage).Inc()
		c.opts.Logger.Error(err, "serving a logical cluster; trying again", "cluster", m.name, "in", delay.String())
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

func (c *Coordinator) engage(ctx context.Context, m *member) error {
	c.mu.Lock()
	awares := append([]multicluster.Aware(nil), c.awares...)
	c.mu.Unlock()
	for _, aware := range awares {
		if err := ctx.Err(); err != nil {
			return err // the next engagement may have begun by now
		}
		if err := aware.Engage(ctx, m.name, m.cluster); err != nil {
			return err
		}
	}
	return nil
}

// enter begins a piece of work on a logical cluster, if that is this replica's. Its context ends when the work has to. The Lease
// is given to nobody else before leave is called.
func (c *Coordinator) enter(ctx context.Context, name multicluster.ClusterName) (inner context.Context, leave func(), ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[name]
	if m == nil || m.group.hold == nil {
		return nil, nil, false
	}
	h := m.group.hold
	h.inside++
	inner, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(h.ctx, cancel)
	return inner, func() {
		stop()
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		h.inside--
		if h.inside == 0 && m.group.hold != h {
			close(h.idle)
			c.tidy(m.group)
		}
	}, true
}

// giveBack removes the Leases of all groups that this replica has and nobody works on any more, and at last its own. Others wait until
// this replica is dead before they take the rest.
func (c *Coordinator) giveBack(ctx context.Context, listed []lease, done map[string]*hold) error {
	var errs []error
	var own *lease
	for _, l := range listed {
		switch {
		case l.holder != c.opts.ID:
		case l.of == ofReplica:
			own = &l
		case !done[l.key].over():
			errs = append(errs, fmt.Errorf("the work on the group %s has not ended", l.key))
		default:
			if err := c.store.remove(ctx, l); err != nil && !overtaken(err) {
				errs = append(errs, err)
			}
		}
	}
	if own != nil {
		if err := c.store.remove(ctx, *own); err != nil && !overtaken(err) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("giving back Leases: %w", errors.Join(errs...))
	}
	return nil
}
