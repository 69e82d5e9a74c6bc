// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// environment does every single thing that users and the provider's side may do.
func (m *model) environment(w world, do func(name string, next world)) {
	m.users(w, do)
	m.others(w, do)
	if next := w; m.v.rich {
		next.steps++
		next.pending = !next.pending
		do("target", next)
	}
}

// users act on the consumer object.
func (m *model) users(w world, do func(name string, next world)) {
	if w.consumer.full() {
		return
	}
	step := func(name string, o consumerState) {
		next := w
		next.steps++
		if !o.exists {
			o = consumerState{}
		}
		next.consumerUIDs = max(next.consumerUIDs, o.uid)
		next.consumer.append(o)
		do(name, next)
	}
	now := w.consumer.real()
	if !now.exists && w.consumerUIDs < 2 {
		step("create", consumerState{exists: true, uid: w.consumerUIDs + 1})
	}
	if now.exists && !now.deleted {
		o := now
		o.deleted, o.exists = true, o.finalized
		step("delete", o)
	}
	if now.exists && !now.deleted && now.content == 0 {
		o := now
		o.content = 1
		step("edit", o)
	}
	if m.v.force && now.exists && now.finalized {
		o := now
		o.finalized, o.exists = false, !o.deleted
		step("force", o)
	}
}

// others act on the provider object.
func (m *model) others(w world, do func(name string, next world)) {
	if w.provider.full() {
		return
	}
	step := func(name string, o providerState) {
		next := w
		next.steps++
		if !o.exists {
			o = providerState{}
		}
		next.providerUIDs = max(next.providerUIDs, o.uid)
		next.provider.append(o)
		do(name, next)
	}
	now := w.provider.real()
	change := func(name string, f func(*providerState)) {
		o := now
		f(&o)
		step(name, o)
	}
	switch {
	case !now.exists:
		step("foreign object", providerState{exists: true, uid: w.providerUIDs + 1})
		return
	case now.deleted:
		change("copy released", func(o *providerState) { o.exists = false })
		return
	}
	change("copy deleted", func(o *providerState) { o.deleted, o.exists = true, o.held })
	if now.ours && !now.held {
		change("copy held", func(o *providerState) { o.held = true })
	}
	if m.v.rich && now.ours && now.status == 0 {
		change("status", func(o *providerState) { o.status = 1 })
	}
	if m.v.rich && now.ours && !now.drifted {
		change("drift", func(o *providerState) { o.drifted = true })
	}
}

// settle is what happens when nothing happens but the syncer and the provider's own controllers.
func (m *model) settle(from rest) resting {
	if known, found := m.rests[from]; found {
		return known
	}
	w := world{consumer: start(from.consumer, 1), provider: start(from.provider, 1), providerUIDs: from.provider.uid}
	out := resting{stuck: true}
	for range 20 {
		w.consumer.dropAll()
		w.provider.dropAll()
		if now := w.provider.real(); now.exists && now.deleted {
			w.provider.append(providerState{})
			continue
		}
		if w.wasted = 0; !m.begin(&w) {
			out = m.judge(w, out.rounds)
			break
		}
		out.rounds++
		for w.pass.running {
			m.execute(&w, false)
		}
	}
	m.rests[from] = out
	return out
}

func (m *model) judge(w world, rounds int) resting {
	c, p := w.consumer.real(), w.provider.real()
	copied := p.exists && p.ours
	agree := p.content == c.content && p.consumer == c.uid && p.status == c.status && !p.drifted && c.finalized
	return resting{
		leak:   !c.exists && copied,
		stuck:  c.exists && (c.deleted || !p.exists || copied && !agree),
		rounds: rounds,
		final:  rest{c, p},
	}
}

// look is at every world: what would become of it, and was anything in vain.
func (m *model) look(w *world) {
	end := m.settle(rest{w.consumer.real(), w.provider.real()})
	if end.leak {
		m.leaks++
	}
	if end.stuck {
		m.stuck++
	}
	m.rounds = max(m.rounds, end.rounds)
	m.wasted = max(m.wasted, w.wasted)
	if w.steps <= 1 {
		m.wastedSimple = max(m.wastedSimple, w.wasted)
	}
}

// plan is the real plan. It depends on nothing but the key of the memory, versions aside, which it must carry along.
func (m *model) plan(p pass) []Kind {
	memory := planInput{p.consumer, p.provider, p.pending}
	if kinds, known := m.plans[memory]; known {
		return kinds
	}
	in := m.input(memory)
	kinds := []Kind{}
	for _, a := range Object(in) {
		m.check(in, a)
		isOrphan := a.Kind == Delete && in.Consumer == nil
		if a.Kind != Report && (m.v.orphans || !isOrphan) {
			kinds = append(kinds, a.Kind)
		}
	}
	m.plans[memory] = kinds
	return kinds
}

// check that the action has the preconditions that write takes for granted.
func (m *model) check(in Input, a Action) {
	m.t.Helper()
	finalizer := a.Kind == AddFinalizer || a.Kind == RemoveFinalizer
	switch {
	case a.Kind == Create && a.UID != "",
		a.Kind.OnProvider() && a.Kind != Create && a.UID != in.Provider.GetUID(),
		a.Kind.OnConsumer() && a.UID != in.Consumer.GetUID(),
		finalizer && a.ResourceVersion != in.Consumer.GetResourceVersion():
		m.t.Errorf("%s without its precondition: %+v", a.Kind, a)
	}
}

func (m *model) input(s planInput) Input {
	in := Input{Target: ready(), Policy: policy()}
	if s.pending {
		in.Target = Target{State: Pending}
	}
	if c := s.consumer; c.exists {
		in.Consumer = modelled(c.content, c.uid, c.status)
		if c.finalized {
			synced()(in.Consumer)
		}
		if c.deleted {
			deleted()(in.Consumer)
		}
	}
	if p := s.provider; p.exists {
		in.Provider = copyOf(m.t, modelled(p.content, max(p.consumer, 1), 0))
		in.Provider.SetUID(uid("p", p.uid))
		for _, c := range []struct {
			needed bool
			change
		}{
			{!p.ours, unmarked()}, {p.drifted, with("drifted", "spec", "size")}, {p.held, finalizedBy("provider/finalizer")},
			{p.deleted, deleted()}, {p.status > 0, status("Up")},
		} {
			if c.needed {
				c.change(in.Provider)
			}
		}
	}
	return in
}

func modelled(content, consumer, phase uint8) *unstructured.Unstructured {
	o := object(with(int64(content), "spec", "size"), with(string(uid("c", consumer)), "metadata", "uid"),
		annotation(kubebindv1alpha2.ProviderUIDAnnotation, "x"))
	if phase > 0 {
		status("Up")(o)
	}
	return o
}
