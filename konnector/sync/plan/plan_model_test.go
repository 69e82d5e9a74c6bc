// SPDX-License-Identifier: Apache-2.0

package plan

import "testing"

// nothing is the world before the first event.
func nothing() world {
	return world{consumer: start(consumerState{}, 1), provider: start(providerState{}, 1)}
}

// TestModel walks every interleaving of what users, the provider's side, the API servers, lagging caches, restarts and
// one syncer can do to one object, where each write of a plan is a step of its own. The syncer is the real plan and the
// real guard. The columns:
//
//	early    writes that released the finalizer while the copy was there
//	foreign  writes to an object that is not ours
//	leaks    worlds that come to rest with a copy and without a consumer object
//	stuck    worlds that come to rest with a terminating consumer object, or with a copy that is absent or differs
//	wasted   writes that were refused or changed nothing, at most, on one way; counted up to 3
//	simple   the same after a single step of the environment
//	rounds   plans with writes until rest, at most
//
// The variants with flaws show that the model finds what it is for, and why the syncer is as it is: informers start only
// after the lease is won (warm standby), and the provider is asked after a write whose answer did not come (lost answers).
func TestModel(t *testing.T) {
	t.Parallel()
	const sound, flawed = true, false
	t.Logf("%-44s %8s %6s %8s %6s %6s %7s %7s %7s", "variant", "worlds", "early", "foreign", "leaks", "stuck", "wasted", "simple", "rounds")
	for _, tt := range []struct {
		variant
		steps uint8
		sound bool
	}{
		{variant{name: "caches only"}, 4, flawed},
		{variant{name: "caches and orphan rule", orphans: true}, 4, flawed},
		{variant{name: "guard", guard: true}, 7, sound},
		{variant{name: "guard and orphan rule", guard: true, orphans: true}, 7, sound},
		{variant{name: "force: caches only", force: true}, 4, flawed},
		{variant{name: "force: guard", guard: true, force: true}, 5, flawed},
		{variant{name: "force: guard and orphan rule", guard: true, orphans: true, force: true}, 7, sound},
		{variant{name: "rich: guard and orphan rule", guard: true, orphans: true, rich: true}, 6, sound},
		{variant{name: "rich, force: guard and orphan rule", guard: true, orphans: true, force: true, rich: true}, 6, sound},
		{variant{name: "warm standby: guard and orphan rule", guard: true, orphans: true, warm: true}, 4, flawed},
		{variant{name: "lost answers: guard and orphan rule", guard: true, orphans: true, lost: true}, 4, flawed},
		{variant{name: "lost answers, asked: guard and orphan rule", guard: true, orphans: true, lost: true, reread: true}, 5, flawed},
	} {
		m := newModel(t, tt.variant)
		m.explore([]world{nothing()}, tt.steps, m.look)
		t.Logf("%-44s %8d %6d %8d %6d %6d %7d %7d %7d", tt.name, m.states, m.early, m.foreign, m.leaks, m.stuck, m.wasted, m.wastedSimple, m.rounds)
		if m.foreign > 0 || m.stuck > 0 || m.rounds > 3 {
			t.Errorf("%s: unsafe or stuck", tt.name)
		}
		flaws := m.early + m.leaks + int(m.wastedSimple)
		if (flaws == 0) != tt.sound {
			t.Errorf("%s: %d flaws", tt.name, flaws)
		}
		if !tt.guard && m.early == 0 {
			t.Errorf("%s: no finalizer is released early, so the model is of no use", tt.name)
		}
		if tt.guard && !tt.warm && (!tt.lost || tt.reread) && m.early > 0 {
			t.Errorf("%s: a finalizer is released early", tt.name)
		}
		if tt.orphans && m.leaks > 0 {
			t.Errorf("%s: a copy is left over", tt.name)
		}
	}
}

// TestModelBudget counts, in every world at rest, what the syncer writes on one single step of the environment, whatever
// the caches do meanwhile.
func TestModelBudget(t *testing.T) {
	type budget struct{ consumer, provider uint8 }
	budgets := map[string]budget{
		"create":         {1, 1},
		"edit":           {0, 1},
		"status":         {1, 0},
		"delete":         {1, 1},
		"drift":          {0, 1},
		"copy held":      {0, 0},
		"foreign object": {0, 0},
		"target":         {0, 0},
		// The copy is made again, and starts without status.
		"copy deleted": {1, 1},
		// The finalizer is put on again.
		"force": {1, 0},
	}
	v := variant{guard: true, orphans: true, force: true, rich: true}
	all := newModel(t, v)
	all.explore([]world{nothing()}, 4, all.look)
	v.budget = true
	spent := map[string]budget{}
	rests := map[rest]bool{}
	for _, end := range all.rests {
		rests[end.final] = true
	}
	for r := range rests {
		w := world{consumer: start(r.consumer, 1), provider: start(r.provider, 1), consumerUIDs: min(r.consumer.uid, 1), providerUIDs: r.provider.uid}
		m := newModel(t, v)
		m.environment(w, func(name string, next world) {
			m.explore([]world{next}, 0, func(w *world) {
				s := spent[name]
				spent[name] = budget{max(s.consumer, w.consumerWrites), max(s.provider, w.providerWrites)}
				if w.wasted > 0 {
					t.Errorf("%s on %+v: a write in vain", name, r)
				}
			})
		})
	}
	t.Logf("%d worlds at rest", len(rests))
	for name, want := range budgets {
		if spent[name] != want {
			t.Errorf("%s costs at most %+v, want %+v", name, spent[name], want)
		}
	}
	for name := range spent {
		if _, found := budgets[name]; !found {
			t.Errorf("%s has no budget", name)
		}
	}
}
