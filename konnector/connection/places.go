// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"maps"
	"slices"
	gosync "sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// places are the places of this cluster at providers, for what bindings share there whatever Secret they use: claims.
type places struct {
	mu gosync.Mutex
	// open are the sessions that can run something, with their lives.
	open  map[*Session]context.Context
	byUID map[types.UID]*claimers
	// claimants are the resources that bindings say they claim, in their status.
	claimants map[string]sets.Set[schema.GroupResource]
	// reported is where bindings have said what they claim.
	reported map[string]types.UID
}

func newPlaces() *places {
	return &places{
		open: map[*Session]context.Context{}, byUID: map[types.UID]*claimers{},
		claimants: map[string]sets.Set[schema.GroupResource]{}, reported: map[string]types.UID{},
	}
}

// begin lets a session run something until its context ends.
func (p *places) begin(ctx context.Context, s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[s] = ctx
}

// end stops what a session runs, and waits until it has. Another session of the same place takes over.
func (p *places) end(s *Session) {
	p.mu.Lock()
	delete(p.open, s)
	var stopping []<-chan struct{}
	for place, c := range p.byUID {
		i := slices.Index(c.sessions, s)
		if i == 0 {
			stopping = append(stopping, c.halt()...)
		}
		if i >= 0 {
			c.sessions = slices.Delete(c.sessions, i, i+1)
		}
		if len(c.sessions) == 0 {
			delete(p.byUID, place)
			maps.DeleteFunc(p.reported, func(_ string, at types.UID) bool { return at == place })
		}
	}
	p.apply()
	p.mu.Unlock()
	for _, stopped := range stopping {
		<-stopped
	}
}

// set makes exactly these claims those of a binding. Nothing is taken back of a claim that is left out: that takes a claim
// of which nothing is accepted.
func (p *places) set(s *Session, binding string, claims []Claim) {
	place := s.Health().Place
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.open[s]; !open || place == "" {
		return
	}
	p.forget(binding, place)
	c := p.byUID[place]
	if c == nil {
		c = newClaimers(place)
		p.byUID[place] = c
	}
	if !slices.Contains(c.sessions, s) {
		c.sessions = append(c.sessions, s)
	}
	c.set(binding, claims)
	p.reported[binding] = place
	p.apply()
}

// drop forgets a binding that is gone.
func (p *places) drop(binding string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(binding, "")
	delete(p.reported, binding)
	delete(p.claimants, binding)
	p.apply()
}

// forget takes a binding's claims from where they were before.
func (p *places) forget(binding string, but types.UID) {
	if before, ok := p.reported[binding]; ok && before != but && p.byUID[before] != nil {
		p.byUID[before].set(binding, nil)
	}
}

// setClaimants says which bindings claim what, as far as they know from before.
func (p *places) setClaimants(claimants map[string]sets.Set[schema.GroupResource]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claimants = claimants
	p.apply()
}

// apply lets run what should.
func (p *places) apply() {
	for _, c := range p.byUID {
		c.apply(p.open[c.sessions[0]], p.holds)
	}
}

// holds says that nothing is to be taken back of a resource: a binding that claims it has not said what. After a start,
// each would take back what is another's.
func (p *places) holds(resource schema.GroupResource) bool {
	for binding, resources := range p.claimants {
		if _, reported := p.reported[binding]; !reported && resources.Has(resource) {
			return true
		}
	}
	return false
}

func (p *places) progress(binding string) map[schema.GroupVersionResource]ClaimProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.byUID[p.reported[binding]]; c != nil {
		return c.progress(binding)
	}
	return map[schema.GroupVersionResource]ClaimProgress{}
}

// retarget follows a consumer namespace whose target has changed for a session.
func (p *places) retarget(s *Session, namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.byUID {
		if c.sessions[0] == s {
			c.retarget(namespace)
		}
	}
}

// retryFailed tries all objects again whose writes failed while a session's provider was away.
func (p *places) retryFailed(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.byUID {
		if c.sessions[0] != s {
			continue
		}
		for _, r := range c.running {
			r.syncer.RetryFailed()
		}
	}
}

// reviewed says of resources that a binding claims whether this cluster withholds a right.
func (p *places) reviewed(binding string, lacking map[schema.GroupResource]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.byUID[p.reported[binding]]; c != nil {
		c.reviewed(binding, lacking)
	}
}
