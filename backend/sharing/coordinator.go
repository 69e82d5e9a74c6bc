// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"
	"sigs.k8s.io/multicluster-runtime/pkg/manager/coordinator/sharded/sharder"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// Options say how a replica takes part.
type Options struct {
	// Client reads and writes Leases at the server, without a cache.
	Client client.Client
	// Namespace is where the Leases are.
	Namespace string
	// Name is what the names of all Leases begin with, and a label's value. Replicas with the same one share.
	Name string
	// ID is this replica. No other process, and no earlier one, may have the same: see NewID.
	ID string
	// Group names the group of a logical cluster: its host. Default: each is a group of its own.
	Group func(ctx context.Context, name multicluster.ClusterName) (multicluster.ClusterName, error)
	// Timing is how fast all goes. Default: DefaultTiming.
	Timing Timing
	// Metrics count. Default: none that anybody sees.
	Metrics *Metrics
	// Logger of the coordinator. Default: none.
	Logger logr.Logger
}

// Timing is how fast a group moves, and for what price. All replicas must have the same.
type Timing struct {
	// Period is how often a replica renews its Lease and looks at those of others.
	Period time.Duration
	// Deadline is for how long a replica works on after it has renewed its Lease the last time.
	Deadline time.Duration
	// Patience is for how long others let a Lease be that is not renewed. It must be longer than Deadline: the difference is
	// what a call may take that cannot be ended any more. It is also for how long a group that nobody has is left to whose turn it is.
	Patience time.Duration
}

// DefaultTiming is that of leader election in controller-runtime, with which a group of a killed replica moves within 20 s.
func DefaultTiming() Timing {
	return Timing{Period: 2 * time.Second, Deadline: 10 * time.Second, Patience: 15 * time.Second}
}

// gap is how long a replica waits for more news before it looks at the Leases early.
const gap = 200 * time.Millisecond

// lastWork is how long a replica that ends waits for work that does not end, and farewell how long it may then take to give back
// what nobody works on. Together they must be shorter than the patience of others.
const (
	lastWork = 3 * time.Second
	farewell = 5 * time.Second
)

// Coordinator shares logical clusters out. It engages those of a manager whose turn this replica is.
type Coordinator struct {
	opts    Options
	store   store
	sharder sharder.Sharder
	wake    chan struct{}
	// steps are being done.
	steps sync.WaitGroup

	mu      sync.Mutex
	awares  []multicluster.Aware
	members map[multicluster.ClusterName]*member
	groups  map[string]*group
	// joined is whether this replica takes part: it does from its first logical cluster on, so that nobody waits for one that
	// has none to work on yet.
	joined bool
	// running is whether work may be begun.
	running bool
	// until is when the others may begin to take this replica for dead. expiry ends all work then.
	until  time.Time
	expiry *time.Timer
}

var _ mcmanager.Coordinator = &Coordinator{}

// New returns a coordinator. It does nothing before its Runnable runs.
func New(opts Options) *Coordinator {
	opts.defaults()
	return newCoordinator(opts, &leases{client: opts.Client, namespace: opts.Namespace, name: opts.Name, duration: opts.Timing.Patience})
}

func (o *Options) defaults() {
	if o.Timing == (Timing{}) {
		o.Timing = DefaultTiming()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Logger.GetSink() == nil {
		o.Logger = logr.Discard()
	}
}

func newCoordinator(opts Options, s store) *Coordinator {
	opts.defaults()
	return &Coordinator{
		opts: opts, store: s, sharder: sharder.NewHRW(), wake: make(chan struct{}, 1),
		members: map[multicluster.ClusterName]*member{}, groups: map[string]*group{},
	}
}

// AddAware implements mcmanager.Coordinator.
func (c *Coordinator) AddAware(aware multicluster.Aware) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awares = append(c.awares, aware)
}

// Engage implements mcmanager.Coordinator: the logical cluster is one to share out until ctx ends.
func (c *Coordinator) Engage(ctx context.Context, name multicluster.ClusterName, cl cluster.Cluster) error {
	key := name
	if c.opts.Group != nil {
		var err error
		if key, err = c.opts.Group(ctx, name); err != nil {
			return fmt.Errorf("finding the group of the logical cluster %q: %w", name, err)
		}
	}
	m := &member{name: name, cluster: cl}
	m.ctx, m.leave = context.WithCancel(ctx)
	c.add(m, key.String())
	context.AfterFunc(ctx, func() { c.remove(m) })
	return nil
}

// Runnable implements mcmanager.Coordinator.
func (c *Coordinator) Runnable() manager.Runnable { return runnable{c} }

type runnable struct{ *Coordinator }

// NeedLeaderElection tells the manager that every replica takes part.
func (runnable) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable. When ctx ends it gives back what this replica has.
func (r runnable) Start(ctx context.Context) error {
	c := r.Coordinator
	c.mu.Lock()
	c.running, c.expiry = true, time.AfterFunc(c.opts.Timing.Deadline, c.lose)
	c.mu.Unlock()
	who := newRoll(c.opts.Timing.Patience)
	ticker := time.NewTicker(c.opts.Timing.Period)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := c.look(ctx, who); err != nil && ctx.Err() == nil {
			c.opts.Metrics.failures.WithLabelValues(failedLook).Inc()
			c.opts.Logger.Error(err, "sharing logical clusters; trying again")
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-c.wake:
			select {
			case <-ctx.Done():
			case <-time.After(gap):
			}
		}
	}
	if err := c.end(context.WithoutCancel(ctx)); err != nil {
		c.opts.Logger.Error(err, "giving back logical clusters: others will take them when they find this replica dead")
	}
	return nil
}

// poke has the Leases looked at soon.
func (c *Coordinator) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// look reads all Leases, renews this replica's own, and begins what is to be done.
func (c *Coordinator) look(ctx context.Context, who *roll) error {
	c.mu.Lock()
	joined := c.joined
	c.mu.Unlock()
	if !joined {
		return nil
	}
	// Before the list: what it does not show yet is of a step that was being done, and is looked at when that is over.
	groups := c.states()
	call, cancel := context.WithTimeout(ctx, c.opts.Timing.Deadline/2)
	defer cancel()
	listed, err := c.store.list(call)
	if err != nil {
		return err
	}
	now := time.Now()
	who.note(listed, now)
	who.noteVacant(groups, listed, now)
	if err := c.renew(call, listed); err != nil {
		return err
	}
	peers := who.peers(c.opts.ID, now)
	c.opts.Metrics.replicas.Set(float64(len(peers)))
	f := facts{
		self: c.opts.ID, listed: listed, groups: groups,
		lives:   func(id string) bool { return who.lives(id, now) },
		turn:    func(group, id string) bool { return c.sharder.ShouldOwn(group, peers, sharder.PeerInfo{ID: id}) },
		overdue: func(group string) bool { return who.overdue(group, now) },
	}
	for _, s := range plan(f) {
		c.begin(ctx, s)
	}
	return nil
}

// renew writes this replica's own Lease, and then it lives for a while. From then on others see it.
func (c *Coordinator) renew(ctx context.Context, listed []lease) error {
	own := lease{of: ofReplica, key: c.opts.ID, holder: c.opts.ID}
	for _, l := range listed {
		if l.of == own.of && l.key == own.key {
			own = l
		}
	}
	sent := time.Now()
	if _, err := c.store.write(ctx, own); err != nil {
		return fmt.Errorf("renewing the replica's own Lease: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = sent.Add(c.opts.Timing.Deadline)
	c.expiry.Reset(time.Until(c.until))
	return nil
}

// begin does a step beside everything else, so that none waits for another one.
func (c *Coordinator) begin(ctx context.Context, s step) {
	done := c.reserve(s.lease)
	c.steps.Go(func() {
		defer done()
		err := c.do(ctx, s)
		if err == nil || ctx.Err() != nil || overtaken(err) {
			return
		}
		c.opts.Metrics.failures.WithLabelValues(failedLease).Inc()
		c.opts.Logger.Error(err, "sharing logical clusters; trying again", "group", s.lease.key, "step", s.verb)
	})
}

// overtaken tells whether something was not as it was read: it is looked at anew.
func overtaken(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// do does a step. Calls end well before the replica could be taken for dead.
func (c *Coordinator) do(ctx context.Context, s step) error {
	switch s.verb {
	case drop:
		c.release(s.lease.key, changeLost)
		return nil
	case give, clear:
		if err := c.release(s.lease.key, changeGiven).wait(ctx); err != nil {
			return err
		}
	}
	call, cancel := context.WithTimeout(ctx, c.opts.Timing.Deadline/2)
	defer cancel()
	if s.verb == clear {
		return c.store.remove(call, s.lease)
	}
	if _, err := c.store.write(call, s.lease); err != nil {
		return err
	}
	if s.verb == take {
		c.hold(ctx, s.lease.key)
	}
	return nil
}

// lose ends all work, because others may take this replica for dead from now on.
func (c *Coordinator) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return // it was renewed while this was about to be called
	}
	for _, g := range c.groups {
		if g.hold != nil {
			c.letGo(g, changeLost)
		}
	}
}

// end ends all work, and gives everything back.
func (c *Coordinator) end(ctx context.Context) error {
	c.mu.Lock()
	c.running = false
	c.expiry.Stop()
	done := map[string]*hold{}
	for key, g := range c.groups {
		if g.hold != nil {
			c.letGo(g, changeGiven)
		}
		done[key] = g.last
	}
	joined := c.joined
	c.mu.Unlock()
	if !joined {
		return nil
	}
	c.steps.Wait()
	work, cancel := context.WithTimeout(ctx, lastWork)
	defer cancel()
	for _, h := range done {
		if h.wait(work) != nil {
			break
		}
	}
	call, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	listed, err := c.store.list(call)
	if err != nil {
		return err
	}
	return c.giveBack(call, listed, done)
}
