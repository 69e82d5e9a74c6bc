// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"
)

// board is a control plane that has leases. TestLeases shows that a real one is like it.
type board struct {
	mu      sync.Mutex
	version int
	leases  map[string]lease
}

// desk is a replica's way to the board: it takes time, and may be cut.
type desk struct {
	*board
	// delay is how long a way takes.
	delay func() time.Duration
	mu    sync.Mutex
	cut   bool
}

func (d *desk) setCut(cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = cut
}

func (d *desk) isCut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cut
}

var errCut = errors.New("no way to the board")

// way waits as long as a call is under way.
func (d *desk) way(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d.delay()):
	}
	if d.isCut() {
		return errCut
	}
	return nil
}

// call does something at the board, between the way there and the way back.
func (d *desk) call(ctx context.Context, do func() error) error {
	if err := d.way(ctx); err != nil {
		return err
	}
	d.board.mu.Lock()
	err := do()
	d.board.mu.Unlock()
	return errors.Join(err, d.way(ctx))
}

func (d *desk) list(ctx context.Context) (out []lease, err error) {
	err = d.call(ctx, func() error {
		out = slices.Collect(maps.Values(d.leases))
		return nil
	})
	return out, err
}

func (d *desk) write(ctx context.Context, l lease) (lease, error) {
	err := d.call(ctx, func() error {
		if err := d.isAsRead(l); err != nil {
			return err
		}
		d.version++
		l.version = strconv.Itoa(d.version)
		d.leases[string(l.of)+"/"+l.key] = l
		return nil
	})
	return l, err
}

func (d *desk) remove(ctx context.Context, l lease) error {
	return d.call(ctx, func() error {
		if err := d.isAsRead(l); err != nil {
			return err
		}
		delete(d.leases, string(l.of)+"/"+l.key)
		return nil
	})
}

func (d *desk) isAsRead(l lease) error {
	have, found := d.leases[string(l.of)+"/"+l.key]
	switch {
	case l.version == "" && found:
		return apierrors.NewAlreadyExists(schema.GroupResource{}, l.key)
	case l.version != "" && !found:
		return apierrors.NewNotFound(schema.GroupResource{}, l.key)
	case l.version != have.version:
		return apierrors.NewConflict(schema.GroupResource{}, l.key, errors.New("it is not as it was read"))
	}
	return nil
}

// world is a board, logical clusters and replicas that share them.
type world struct {
	t *testing.T
	// seed is what all delays follow from.
	seed uint64
	// ctx ends with the test, which then waits for work to end: in a bubble time stands still after that.
	ctx   context.Context
	work  sync.WaitGroup
	board *board
	group func(ctx context.Context, name multicluster.ClusterName) (multicluster.ClusterName, error)

	mu sync.Mutex
	// inside is who works in a logical cluster right now, and how many times.
	inside map[multicluster.ClusterName]map[*replica]int
	// worked is who has worked in it last, and when.
	worked   map[multicluster.ClusterName]*replica
	at       map[multicluster.ClusterName]time.Time
	replicas int
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, board: &board{leases: map[string]lease{}}, inside: map[multicluster.ClusterName]map[*replica]int{},
		worked: map[multicluster.ClusterName]*replica{}, at: map[multicluster.ClusterName]time.Time{},
	}
	var end context.CancelFunc
	w.ctx, end = context.WithCancel(t.Context())
	t.Cleanup(func() {
		end()
		w.work.Wait()
		if t.Failed() {
			t.Logf("the seed of the delays is %d", w.seed)
		}
	})
	return w
}

// delay is a time below most that follows from the seed, from whose it is and from when: in a bubble, whose time begins anew each
// time, it is the same when a test is repeated, in whatever order those who work at once are asked.
func (w *world) delay(most time.Duration, of ...string) time.Duration {
	h := fnv.New64a()
	fmt.Fprint(h, time.Now().UnixNano(), of)
	return time.Duration(rand.New(rand.NewPCG(w.seed, h.Sum64())).Int64N(int64(most)))
}

// replica is a coordinator with a controller.
type replica struct {
	*Coordinator
	world *world
	desk  *desk
	id    string
	end   context.CancelFunc
	ended chan struct{}
	// dead is closed when nothing of it is left.
	dead chan struct{}

	mu sync.Mutex
	// clusters are those that it knows.
	clusters map[multicluster.ClusterName]context.CancelFunc
	// engaged are the contexts in which its controller was engaged, in order.
	engaged map[multicluster.ClusterName][]context.Context
	// refuse is how often its controller is yet to refuse to be engaged.
	refuse int
	// stuck is for how long its controller does not notice that its work on a logical cluster should end, the next time.
	stuck map[multicluster.ClusterName]time.Duration
}

// start starts a replica that knows these logical clusters.
func (w *world) start(names ...multicluster.ClusterName) *replica {
	w.replicas++
	r := &replica{
		world: w, desk: &desk{board: w.board}, id: fmt.Sprintf("replica-%d", w.replicas), ended: make(chan struct{}), dead: make(chan struct{}),
		clusters: map[multicluster.ClusterName]context.CancelFunc{}, engaged: map[multicluster.ClusterName][]context.Context{},
	}
	r.desk.delay = func() time.Duration { return w.delay(300*time.Millisecond, r.id, "desk") }
	r.Coordinator = newCoordinator(Options{ID: r.id, Group: w.group}, r.desk)
	r.AddAware(controller{r})
	var ctx context.Context
	ctx, r.end = context.WithCancel(w.ctx)
	w.work.Go(func() {
		defer close(r.ended)
		if err := r.Runnable().Start(ctx); err != nil {
			w.t.Errorf("%s has failed: %v", r.id, err)
		}
	})
	for _, name := range names {
		r.know(name)
	}
	return r
}

// know has the replica know a logical cluster.
func (r *replica) know(name multicluster.ClusterName) {
	ctx, forget := context.WithCancel(r.world.ctx)
	r.clusters[name] = forget
	if err := r.Coordinator.Engage(ctx, name, nil); err != nil {
		r.world.t.Error(err)
	}
}

// stop ends a replica, and waits until it has given everything back.
func (r *replica) stop() {
	r.end()
	<-r.ended
	close(r.dead)
}

// kill ends a replica without a farewell.
func (r *replica) kill() {
	r.desk.setCut(true)
	close(r.dead)
	r.end()
	<-r.ended
}

// alive tells whether anything of it works.
func (r *replica) alive() bool {
	select {
	case <-r.dead:
		return false
	default:
		return true
	}
}

// controller is a replica as a controller: it works on a logical cluster again and again, and does not notice when it should not.
type controller struct{ *replica }

// Engage implements multicluster.Aware.
func (c controller) Engage(ctx context.Context, name multicluster.ClusterName, _ cluster.Cluster) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engaged[name] = append(c.engaged[name], ctx)
	if c.refuse > 0 {
		c.refuse--
		return errors.New("not today")
	}
	c.world.work.Go(func() {
		fence := c.Fence(c)
		const late = time.Minute // what is in a queue does not know that the logical cluster is another one's by now
		for over := time.Now(); c.alive() && c.world.ctx.Err() == nil; {
			if ctx.Err() != nil && time.Since(over) > late {
				return
			}
			if ctx.Err() == nil {
				over = time.Now()
			}
			if _, err := fence.Reconcile(c.world.ctx, mcreconcile.Request{ClusterName: name}); err != nil {
				c.world.t.Error(err)
			}
			<-time.After(20*time.Millisecond + c.world.delay(100*time.Millisecond, c.id, string(name)))
		}
	})
	return nil
}

// Reconcile fails the test if somebody else works on the logical cluster, too.
func (c controller) Reconcile(ctx context.Context, req mcreconcile.Request) (ctrl.Result, error) {
	w, name := c.world, req.ClusterName
	w.mu.Lock()
	for other := range w.inside[name] {
		if other != c.replica && other.alive() {
			w.t.Errorf("%s works on %s while %s does", c.id, name, other.id)
		}
	}
	if w.inside[name] == nil {
		w.inside[name] = map[*replica]int{}
	}
	w.inside[name][c.replica]++
	w.worked[name], w.at[name] = c.replica, time.Now()
	w.mu.Unlock()
	select { // as a call to the server
	case <-ctx.Done():
	case <-c.dead:
	case <-time.After(w.delay(200*time.Millisecond, c.id, string(name), "call")):
	}
	select { // until it has noticed
	case <-c.dead:
	case <-time.After(w.delay(500*time.Millisecond, c.id, string(name)) + c.unstick(name)):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inside[name][c.replica]--; w.inside[name][c.replica] == 0 {
		delete(w.inside[name], c.replica)
	}
	return ctrl.Result{}, nil
}

// unstick is for how long the work on a logical cluster is stuck, this time.
func (r *replica) unstick(name multicluster.ClusterName) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer delete(r.stuck, name)
	return r.stuck[name]
}

// stick has the work on a logical cluster be stuck, and returns when it is.
func (r *replica) stick(name multicluster.ClusterName, d time.Duration) {
	r.mu.Lock()
	r.stuck = map[multicluster.ClusterName]time.Duration{name: d}
	r.mu.Unlock()
	pass(time.Second)
}

// served is who works on each of the logical clusters, if all of them have been worked on within the last seconds.
func (w *world) served(names []multicluster.ClusterName) (map[multicluster.ClusterName]*replica, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[multicluster.ClusterName]*replica{}
	for _, name := range names {
		if w.worked[name] == nil || !w.worked[name].alive() || time.Since(w.at[name]) > 2*time.Second {
			return nil, fmt.Errorf("nobody works on %s", name)
		}
		out[name] = w.worked[name]
	}
	return out, nil
}

// await returns who works on the logical clusters as soon as all are worked on, and fails after a time.
func (w *world) await(within time.Duration, names []multicluster.ClusterName) map[multicluster.ClusterName]*replica {
	w.t.Helper()
	start := time.Now()
	for {
		out, err := w.served(names)
		if err == nil {
			return out
		}
		if time.Since(start) > within {
			w.t.Fatalf("after %s: %v", within, err)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// of are those that a replica works on.
func of(who map[multicluster.ClusterName]*replica, r *replica) []multicluster.ClusterName {
	var out []multicluster.ClusterName
	for name, by := range who {
		if by == r {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// engagements is in how many contexts a replica's controller was engaged, and the last one.
func (r *replica) engagements(name multicluster.ClusterName) (int, context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.engaged[name]
	if len(all) == 0 {
		return 0, nil
	}
	return len(all), all[len(all)-1]
}

func clusterNames(count int) []multicluster.ClusterName {
	out := make([]multicluster.ClusterName, count)
	for i := range out {
		out[i] = multicluster.ClusterName(fmt.Sprintf("c%03d", i))
	}
	return out
}

// pass lets the bubble's time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
