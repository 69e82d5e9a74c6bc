// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"kube-bind.io/kube-bind/konnector/sync/guard"
)

// A world is one consumer object and its copy, each with the versions that its cache has not seen yet, and a syncer that
// may be in the midst of a plan. It is comparable: worlds are the states of the model.
type world struct {
	consumer history[consumerState]
	provider history[providerState]
	pending  bool // the target
	told     told
	pass     pass
	// steps counts what the environment did, wasted the writes that were refused or changed nothing.
	steps, wasted uint8
	// These count what the syncer changed, if the variant asks for it.
	consumerWrites, providerWrites uint8
	consumerUIDs, providerUIDs     uint8
}

type consumerState struct {
	exists, deleted, finalized bool
	content, uid, status       uint8
}

type providerState struct {
	exists, deleted, held, ours, drifted bool
	content, consumer, uid, status       uint8
}

// told is what the guard was told since the syncer started.
type told struct{ consumer, provider, released, deleted uint8 }

// pass is a plan being executed, and what it was made on.
type pass struct {
	running  bool
	next     uint8
	consumer consumerState
	version  uint8 // of the consumer object
	provider providerState
	pending  bool
}

// history is an object from its cached version, the first, to its real one.
type history[T comparable] struct {
	objects  [maxLag + 1]T
	versions [maxLag + 1]uint8
	lag      uint8
}

// maxLag is how many events a cache may be behind.
const maxLag = 3

func (h *history[T]) real() T            { return h.objects[h.lag] }
func (h *history[T]) realVersion() uint8 { return h.versions[h.lag] }
func (h *history[T]) seen() T            { return h.objects[0] }
func (h *history[T]) seenVersion() uint8 { return h.versions[0] }
func (h *history[T]) full() bool         { return h.lag == maxLag }
func (h *history[T]) append(o T) {
	h.lag++
	h.objects[h.lag], h.versions[h.lag] = o, h.versions[h.lag-1]+1
}
func (h *history[T]) dropAll() { *h = start(h.real(), h.realVersion()) }
func (h *history[T]) drop()    { *h = h.dropped() }
func start[T comparable](o T, version uint8) history[T] {
	return history[T]{objects: [maxLag + 1]T{o}, versions: [maxLag + 1]uint8{version}}
}

func (h *history[T]) dropped() history[T] {
	out := history[T]{lag: h.lag - 1}
	copy(out.objects[:], h.objects[1:])
	copy(out.versions[:], h.versions[1:])
	return out
}

// variant is how the syncer works and what the environment does to it.
type variant struct {
	name           string
	guard, orphans bool
	// force: users take finalizers off by force.
	force bool
	// warm: another konnector takes over whose caches lag.
	warm bool
	// lost: a write is done, but its answer does not arrive. reread: the provider is asked after that.
	lost, reread bool
	// rich: the provider edits the copy and its status, and targets come and go.
	rich bool
	// budget: writes are counted.
	budget bool
}

// model explores a variant with the real plan and the real guard.
type model struct {
	t     *testing.T
	v     variant
	plans map[planInput][]Kind
	rests map[rest]resting

	early, foreign, leaks, stuck, states int
	rounds                               int
	wasted, wastedSimple                 uint8
}

func newModel(t *testing.T, v variant) *model {
	return &model{t: t, v: v, plans: map[planInput][]Kind{}, rests: map[rest]resting{}}
}

type planInput struct {
	consumer consumerState
	provider providerState
	pending  bool
}

// rest is what is left when all caches are up to date.
type rest struct {
	consumer consumerState
	provider providerState
}

// resting is what becomes of it when nothing happens any more.
type resting struct {
	leak, stuck bool
	rounds      int
	final       rest
}

const maxWasted = 3

// explore walks everything that can happen in at most so many steps of the environment.
func (m *model) explore(first []world, steps uint8, visit func(*world)) {
	known, todo := map[world]struct{}{}, []world{}
	add := func(w world) {
		w.wasted = min(w.wasted, maxWasted)
		if _, found := known[w]; !found {
			known[w] = struct{}{}
			todo = append(todo, w)
		}
	}
	for _, w := range first {
		add(w)
	}
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		visit(&w)
		m.syncer(w, add)
		if w.steps < steps {
			m.environment(w, func(_ string, next world) { add(next) })
		}
	}
	m.states += len(known)
}

// syncer adds what the syncer and its caches may do next.
func (m *model) syncer(w world, add func(world)) {
	if next := w; next.consumer.lag > 0 {
		next.consumer.drop()
		add(next)
	}
	if next := w; next.provider.lag > 0 {
		next.provider.drop()
		add(next)
	}
	if next := w; next.pass.running {
		if m.execute(&next, false) {
			add(next)
		}
		if next := w; m.v.lost && m.execute(&next, true) {
			add(next)
		}
	} else {
		m.begin(&next)
		add(next)
	}
	restarted := w
	restarted.told, restarted.pass = told{}, pass{}
	if m.v.warm {
		add(restarted)
	}
	restarted.consumer.dropAll()
	restarted.provider.dropAll()
	add(restarted)
}

func key() types.NamespacedName { return types.NamespacedName{Namespace: "ns", Name: "a"} }

func uid(prefix string, n uint8) types.UID {
	if n == 0 {
		return ""
	}
	return types.UID(prefix + strconv.Itoa(int(n)))
}

func version(n uint8) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

// begin makes a plan, if the guard lets it, and says whether there is something to do.
func (m *model) begin(w *world) bool {
	c, p := w.consumer.seen(), w.provider.seen()
	if w.pending {
		p = providerState{}
	}
	if m.v.guard && !fresh(w, c, p) {
		return false
	}
	w.pass = pass{running: true, consumer: c, version: w.consumer.seenVersion(), provider: p, pending: w.pending}
	if len(m.plan(w.pass)) == 0 {
		w.pass = pass{}
	}
	return w.pass.running
}

// fresh asks a guard that was told what this world's was told, and takes down what it forgot on being asked.
func fresh(w *world, c consumerState, p providerState) bool {
	view := guard.View{ConsumerRV: version(w.consumer.seenVersion()), ConsumerUID: uid("c", c.uid), NoTarget: w.pending}
	if !w.pending {
		view.ProviderRV, view.ProviderUID, view.ProviderTerminating = version(w.provider.seenVersion()), uid("p", p.uid), p.deleted
	}
	ask := func(t told) (*guard.Guard, bool) {
		g := guard.New()
		g.Wrote(key(), guard.Consumer, version(t.consumer))
		g.Wrote(key(), guard.Provider, version(t.provider))
		g.Released(key(), uid("c", t.released))
		g.Deleted(key(), uid("p", t.deleted))
		return g, g.Fresh(key(), view)
	}
	_, fresh := ask(w.told)
	var left told
	for _, part := range []struct {
		from told
		to   *uint8
		keep uint8
	}{
		{told{consumer: w.told.consumer}, &left.consumer, w.told.consumer},
		{told{provider: w.told.provider}, &left.provider, w.told.provider},
		{told{released: w.told.released}, &left.released, w.told.released},
		{told{deleted: w.told.deleted}, &left.deleted, w.told.deleted},
	} {
		if g, _ := ask(part.from); g.Len() > 0 {
			*part.to = part.keep
		}
	}
	w.told = left
	return fresh
}

// execute does the next action of the plan. It is false if the world got too big for the model.
func (m *model) execute(w *world, answerLost bool) bool {
	if w.consumer.full() || w.provider.full() {
		return false
	}
	before := *w
	kind := m.plan(w.pass)[w.pass.next]
	done := m.write(w, kind)
	switch {
	case before.consumer == w.consumer && before.provider == w.provider:
		w.wasted++
	case m.v.budget && kind.OnConsumer():
		w.consumerWrites++
	case m.v.budget:
		w.providerWrites++
	}
	if answerLost {
		if !done {
			return false
		}
		w.told = before.told
		if m.v.reread && w.provider.real().exists {
			w.told.provider = w.provider.realVersion()
		}
	}
	w.pass.next++
	if !done || answerLost || int(w.pass.next) == len(m.plan(w.pass)) {
		w.pass = pass{}
	}
	return true
}

// write is what the API servers do. It is false if they refuse.
func (m *model) write(w *world, kind Kind) bool {
	if kind.OnConsumer() {
		return m.writeConsumer(w, kind)
	}
	seen, now := w.pass.provider, w.provider.real()
	content := providerState{exists: true, ours: true, content: w.pass.consumer.content, consumer: w.pass.consumer.uid}
	switch {
	case kind == Create && now.exists, kind != Create && (!now.exists || now.uid != seen.uid):
		return false
	case kind == Create:
		w.providerUIDs++
		content.uid = w.providerUIDs
		w.provider.append(content)
	case !now.ours:
		m.foreign++
	case kind == Apply:
		content.uid, content.deleted, content.held, content.status = now.uid, now.deleted, now.held, now.status
		if content != now {
			w.provider.append(content)
		}
	case kind == Delete:
		w.told.deleted = now.uid
		if now.held && !now.deleted {
			now.deleted = true
			w.provider.append(now)
		} else if !now.held {
			w.provider.append(providerState{})
		}
		return true // a DELETE need not be answered with a resource version
	}
	w.told.provider = w.provider.realVersion()
	return true
}

func (m *model) writeConsumer(w *world, kind Kind) bool {
	seen, now := w.pass.consumer, w.consumer.real()
	if !now.exists || now.uid != seen.uid || kind != PatchStatus && w.consumer.realVersion() != w.pass.version {
		return false
	}
	switch kind {
	case AddFinalizer:
		now.finalized = true
	case PatchStatus:
		now.status = w.pass.provider.status
	case RemoveFinalizer:
		if copied := w.provider.real(); copied.exists && copied.ours {
			m.early++
		}
		w.told.released = now.uid
		w.consumer.append(consumerState{})
		return true // the answer has the resource version of before
	}
	if now != w.consumer.real() {
		w.consumer.append(now)
	}
	w.told.consumer = w.consumer.realVersion()
	return true
}
