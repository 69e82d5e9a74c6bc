// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/manager/coordinator/sharded/sharder"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// A logical cluster that leaves takes nobody with it: those that were engaged in the same moment go on, in the contexts that they
// have, whether they are of its group or not. The coordinator of multicluster-runtime 0.24.1 ends them, and begins them never again.
func TestWhoLeavesLeavesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(50)
		w.group = pairs
		r := w.start(names...)
		w.await(10*time.Second, names)
		r.clusters[names[7]]()
		pass(5 * time.Minute)
		for i, name := range names {
			times, ctx := r.engagements(name)
			switch gone := i == 7; {
			case times != 1:
				t.Errorf("%s was engaged %d times", name, times)
			case gone != (ctx.Err() != nil):
				t.Errorf("%s: the context says %v", name, ctx.Err())
			}
		}
		w.await(time.Second, slices.Delete(slices.Clone(names), 7, 8))
		if _, found := w.lease("group/" + string(names[6])); !found {
			t.Error("a group whose guest has left has no lease any more")
		}
		r.clusters[names[6]]()
		pass(5 * time.Second)
		if _, found := w.lease("group/" + string(names[6])); found {
			t.Error("the lease of a group that has gone is still there")
		}
	})
}

// pairs has every second logical cluster be the guest of the one before.
func pairs(_ context.Context, name multicluster.ClusterName) (multicluster.ClusterName, error) {
	odd := "13579"
	if last := len(name) - 1; strings.Contains(odd, string(name[last])) {
		return name[:last] + multicluster.ClusterName(rune(name[last]-1)), nil
	}
	return name, nil
}

func (w *world) leases() map[string]lease {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	return maps.Clone(w.board.leases)
}

func (w *world) lease(key string) (lease, bool) {
	l, found := w.leases()[key]
	return l, found
}

// Whatever is engaged late, engages in vain at first, leaves, or comes again under the same name is served in the end, once.
func TestEngagement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(3)
		r := w.start()
		pass(time.Minute)
		if all := w.leases(); len(all) != 0 {
			t.Errorf("a replica that has no logical cluster takes part: %v", all)
		}
		r.refuse = 5
		r.know(names[0])
		w.await(30*time.Second, names[:1])
		times, last := r.engagements(names[0])
		if times != 6 || last.Err() != nil {
			t.Errorf("it was tried %d times, want 6 (%v)", times, last.Err())
		}
		for _, ctx := range r.engaged[names[0]][:5] {
			if ctx.Err() == nil {
				t.Error("what was begun of a try that failed goes on")
			}
		}
		r.know(names[1])
		w.await(5*time.Second, names[:2])
		r.know(names[1]) // anew, before the old one has left
		pass(time.Minute)
		times, now := r.engagements(names[1])
		if times != 2 || now.Err() != nil || r.engaged[names[1]][0].Err() == nil {
			t.Errorf("one that has come again was engaged %d times, now %v", times, now.Err())
		}
		w.await(time.Second, names[:2])
	})
}

// A replica that is killed: all that it had is worked on within 30 s, and the others' own goes on undisturbed.
func TestKilledReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(60)
		replicas := []*replica{w.start(names...), w.start(names...), w.start(names...)}
		pass(time.Minute)
		before := w.await(time.Second, names)
		for _, r := range replicas {
			if n := len(of(before, r)); n < 5 {
				t.Errorf("%s works on %d of %d", r.id, n, len(names))
			}
		}
		engaged := map[multicluster.ClusterName]int{}
		for name, r := range before {
			engaged[name], _ = r.engagements(name)
		}
		killed := time.Now()
		replicas[0].kill()
		after := w.await(30*time.Second, names)
		t.Logf("all are worked on %s after the end of one", time.Since(killed).Round(time.Second/10))
		for _, name := range names {
			if before[name] == replicas[0] {
				continue
			}
			times, ctx := before[name].engagements(name)
			if after[name] != before[name] || times != engaged[name] || ctx.Err() != nil {
				t.Errorf("%s was disturbed: engaged %d times (%d before), %v, by %s", name, times, engaged[name], ctx.Err(), after[name].id)
			}
		}
		pass(time.Minute)
		if _, found := w.lease("replica/" + replicas[0].id); found {
			t.Error("the lease of a dead replica is still there")
		}
	})
}

// A replica that ends gives everything back at once, and nothing is left of it.
func TestEndedReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(20)
		first, second := w.start(names...), w.start(names...)
		pass(time.Minute)
		before := w.await(time.Second, names)
		first.stop()
		if len(of(before, first)) == 0 || len(of(before, second)) == 0 {
			t.Fatal("one of them has nothing")
		}
		for key, l := range w.leases() {
			if l.holder == first.id {
				t.Errorf("it still has %s", key)
			}
		}
		after := w.await(5*time.Second, names)
		if n := len(of(after, second)); n != len(names) {
			t.Errorf("the other has %d of %d", n, len(names))
		}
	})
}

// A replica that ends while some of its work does not gives back the rest, and others leave to it what it still works on.
func TestEndedReplicaStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(20)
		first, second := w.start(names...), w.start(names...)
		pass(time.Minute)
		mine := of(w.await(time.Second, names), first)
		if len(mine) < 2 {
			t.Fatalf("it has only %v", mine)
		}
		first.stick(mine[0], time.Minute)
		first.stop()
		if l, _ := w.lease("group/" + string(mine[0])); l.holder != first.id {
			t.Errorf("what it still works on is %q's", l.holder)
		}
		idle := slices.DeleteFunc(slices.Clone(names), func(name multicluster.ClusterName) bool { return name == mine[0] })
		if n := len(of(w.await(5*time.Second, idle), second)); n != len(idle) {
			t.Errorf("the other has %d of %d", n, len(idle))
		}
		w.await(20*time.Second, names)
	})
}

// A replica that had to end its work, and is asked for it when it takes part again, gives it only when nobody is at it any more.
func TestGivenAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(20)
		first := w.start(names...)
		w.await(10*time.Second, names)
		both := []sharder.PeerInfo{{ID: "replica-1"}, {ID: "replica-2"}}
		i := slices.IndexFunc(names, func(name multicluster.ClusterName) bool {
			return sharder.NewHRW().ShouldOwn(string(name), both, both[1])
		})
		first.stick(names[i], 25*time.Second)
		first.desk.setCut(true)
		second := w.start(names...)
		pass(DefaultTiming().Deadline + time.Second)
		if _, ctx := first.engagements(names[i]); ctx.Err() == nil {
			t.Fatal("it has not ended its work")
		}
		if l, _ := w.lease("group/" + string(names[i])); l.askedBy != second.id {
			t.Fatalf("the group is asked for by %q", l.askedBy)
		}
		first.desk.setCut(false)
		pass(time.Minute)
		if who := w.await(time.Second, names)[names[i]]; who != second {
			t.Errorf("%s works on it", who.id)
		}
	})
}

// sluggish is a controller that is engaged until that ends.
type sluggish struct{ calls int }

// Engage implements multicluster.Aware.
func (s *sluggish) Engage(ctx context.Context, _ multicluster.ClusterName, _ cluster.Cluster) error {
	s.calls++
	<-ctx.Done()
	return nil
}

// When an engagement ends before all controllers have been engaged, the rest is not.
func TestEngagementEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(1)
		r, first, second := w.start(), &sluggish{}, &sluggish{}
		r.AddAware(first)
		r.AddAware(second)
		r.know(names[0])
		w.await(10*time.Second, names)
		pass(5 * time.Second)
		r.clusters[names[0]]()
		pass(5 * time.Second)
		if first.calls != 1 || second.calls != 0 {
			t.Errorf("they were engaged %d and %d times", first.calls, second.calls)
		}
	})
}

// A replica that comes gets its share, and nothing else moves. It gets nothing that it does not know.
func TestNewReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(60)
		known := names[:40]
		first := w.start(names...)
		w.await(10*time.Second, names)
		second := w.start(known...)
		pass(time.Minute)
		after := w.await(time.Second, names)
		share := of(after, second)
		if len(share) < 10 || len(share) > 30 {
			t.Errorf("it has %d of %d", len(share), len(known))
		}
		for _, name := range share {
			if !slices.Contains(known, name) {
				t.Errorf("it has %s, which it does not know", name)
			}
		}
		for _, name := range of(after, first) {
			if times, _ := first.engagements(name); times != 1 {
				t.Errorf("%s was disturbed", name)
			}
		}
	})
}

// A group whose turn is a replica's that does not know it is worked on all the same, by who knows it, when its holder dies. That
// replica gets it when it knows it.
func TestTurnOfWhoDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(60)
		first := w.start(names...)
		w.await(10*time.Second, names)
		second, third := w.start(names[:40]...), w.start(names...)
		pass(time.Minute)
		before := w.await(time.Second, names)
		var deserted, turns []multicluster.ClusterName // of the second: what the first has, and all
		left := []sharder.PeerInfo{{ID: second.id}, {ID: third.id}}
		for _, name := range names[40:] {
			if !sharder.NewHRW().ShouldOwn(string(name), left, left[0]) {
				continue
			}
			if turns = append(turns, name); before[name] == first {
				deserted = append(deserted, name)
			}
		}
		if len(deserted) < 5 {
			t.Fatalf("the first has only %v that the second should have and does not know", deserted)
		}
		killed := time.Now()
		first.kill()
		after := w.await(45*time.Second, names)
		t.Logf("all are worked on %s after the end of one", time.Since(killed).Round(time.Second/10))
		for _, name := range names[40:] {
			if after[name] != third {
				t.Errorf("%s is worked on by %s", name, after[name].id)
			}
			second.know(name)
		}
		pass(time.Minute)
		for name, r := range w.await(time.Second, names) {
			if moves := slices.Contains(turns, name); moves && r != second || !moves && r != after[name] {
				t.Errorf("%s is worked on by %s, and was by %s", name, r.id, after[name].id)
			}
		}
	})
}

// A replica that cannot reach the Leases ends its work before others take it, and takes part again when it can.
func TestCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(20)
		first, second := w.start(names...), w.start(names...)
		pass(time.Minute)
		before := w.await(time.Second, names)
		mine := of(before, first)
		if len(mine) == 0 {
			t.Fatal("it has nothing")
		}
		first.desk.setCut(true)
		pass(DefaultTiming().Deadline - 5*time.Second)
		if times, ctx := first.engagements(mine[0]); ctx.Err() != nil {
			t.Errorf("it gave up early (engaged %d times)", times)
		}
		pass(30 * time.Second)
		if got := of(w.await(time.Second, names), second); len(got) != len(names) {
			t.Errorf("the other works on %d of %d", len(got), len(names))
		}
		first.desk.setCut(false)
		pass(time.Minute)
		if got := of(w.await(time.Second, names), first); !slices.Equal(got, mine) {
			t.Errorf("it has %v, and had %v", got, mine)
		}
		// For so short a time nobody does anything.
		times, _ := first.engagements(mine[0])
		first.desk.setCut(true)
		pass(2 * time.Second)
		first.desk.setCut(false)
		pass(time.Minute)
		if now, ctx := first.engagements(mine[0]); now != times || ctx.Err() != nil {
			t.Errorf("it was engaged %d times, and %d before (%v)", now, times, ctx.Err())
		}
	})
}

// Leases that somebody removes are made anew, and nobody works twice meanwhile.
func TestRemovedLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, names := newWorld(t), clusterNames(20)
		replicas := []*replica{w.start(names...), w.start(names...)}
		pass(time.Minute)
		before := w.await(time.Second, names)
		for _, gone := range [][]string{{"replica/" + replicas[0].id}, {"group/" + string(names[3]), "group/" + string(names[4])}} {
			for _, key := range gone {
				w.board.mu.Lock()
				if _, found := w.board.leases[key]; !found {
					t.Errorf("there is no %s", key)
				}
				delete(w.board.leases, key)
				w.board.mu.Unlock()
			}
			pass(time.Minute)
			for _, key := range gone {
				if _, found := w.lease(key); !found {
					t.Errorf("%s was not made anew", key)
				}
			}
			for name, r := range w.await(time.Second, names) {
				if before[name] != r {
					t.Errorf("%s has moved", name)
				}
			}
		}
	})
}

// Whatever happens, nobody works on what another one works on, and in the end all is worked on. The work itself looks: see
// controller.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walk(t, seed) })
		})
	}
}

func walk(t *testing.T, seed uint64) {
	w, names, dice := newWorld(t), clusterNames(12), rand.New(rand.NewPCG(seed, 0))
	w.seed = seed
	w.group = pairs
	replicas := []*replica{w.start(names...), w.start(names...), w.start(names...)}
	for range 60 {
		i := dice.IntN(len(replicas))
		r := replicas[i]
		name := names[dice.IntN(len(names))]
		switch dice.IntN(6) {
		case 0:
			r.stop()
			replicas[i] = w.start(names...)
		case 1:
			r.kill()
			replicas[i] = w.start(names...)
		case 2, 3:
			r.desk.setCut(!r.desk.isCut())
		case 4:
			r.clusters[name]()
			pass(time.Duration(dice.IntN(5000)) * time.Millisecond)
			r.know(name)
		case 5:
			w.board.mu.Lock()
			delete(w.board.leases, "replica/"+r.id)
			w.board.mu.Unlock()
		}
		pass(time.Duration(dice.IntN(20000)) * time.Millisecond)
	}
	for _, r := range replicas {
		r.desk.setCut(false)
	}
	pass(time.Minute)
	for name, r := range w.await(time.Second, names) {
		group, _ := pairs(t.Context(), name)
		if l, _ := w.lease("group/" + string(group)); l.holder != r.id {
			t.Errorf("%s works on %s, which is %s's", r.id, name, l.holder)
		}
	}
	if all, want := w.leases(), len(replicas)+len(names)/2; len(all) != want {
		t.Errorf("there are %d leases, want %d: %v", len(all), want, all)
	}
}
