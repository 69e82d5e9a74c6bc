// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kcp-dev/logicalcluster/v3"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// recorderTimeout is how long Events may take to be written when a workspace leaves.
const recorderTimeout = 5 * time.Second

// Watcher returns what follows kcp: which shards there are and which workspaces bind kube-bind's API. It runs on every replica,
// as each answers requests for every workspace.
func (p *Provider) Watcher() manager.Runnable { return watcher{p} }

type watcher struct{ *Provider }

// NeedLeaderElection tells the manager that every replica watches.
func (watcher) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (w watcher) Start(ctx context.Context) error {
	p := w.Provider
	p.lifetime, p.end = context.WithCancel(ctx)
	defer p.end()
	if err := p.checkSelf(ctx); err != nil {
		return err
	}
	if err := p.watchSlice(ctx); err != nil {
		return err
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for p.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	p.queue.ShutDown()
	group.Wait()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), recorderTimeout)
	defer cancel()
	p.recorders.Stop(stop)
	return nil
}

// next does one task. What fails is done again later.
func (p *Provider) next(ctx context.Context) bool {
	t, shutdown := p.queue.Get()
	if shutdown {
		return false
	}
	defer p.queue.Done(t)
	step, err := p.do(ctx, t)
	if err == nil {
		p.queue.Forget(t)
		return true
	}
	if ctx.Err() != nil {
		return true
	}
	p.metrics.failures.WithLabelValues(step).Inc()
	p.opts.Logger.Error(err, "following kcp; trying again", "cluster", t.cluster)
	p.queue.AddRateLimited(t)
	return true
}

// do does a task, and says which step it was.
func (p *Provider) do(ctx context.Context, t task) (step string, err error) {
	if t.shards {
		return stepShards, p.syncShards(ctx)
	}
	if err := p.syncMember(ctx, t.cluster); err != nil {
		return stepJoin, fmt.Errorf("the workspace %s: %w", t.cluster, err)
	}
	return stepJoin, nil
}

// syncMember has a workspace join that binds kube-bind's API, and one leave that does not any more. One that has changed what it
// lets the backend do joins anew, so that all in it is tried again.
func (p *Provider) syncMember(ctx context.Context, name multicluster.ClusterName) error {
	now, certain := p.shardOf(name)
	if !certain {
		p.queue.AddAfter(task{cluster: name}, retryAfter)
		return nil
	}
	have := p.members.get(name)
	if have != nil && have.shard == now && (have.lodging.Host != "" || slices.Equal(have.missing, missingClaims(now.bound(name)))) {
		return nil
	}
	if have != nil {
		p.leave(ctx, have)
		p.wakeGuests(ctx, have)
	}
	if now == nil {
		return nil
	}
	m, err := p.newMember(ctx, now, name)
	if err != nil {
		return err
	}
	if host := m.lodging.Host; host != "" && p.members.get(host) == nil {
		if at, certain := p.shardOf(host); at != nil || !certain {
			m.leave() // its host is about to come, and a guest without one would be told that it has gone
			p.queue.AddAfter(task{cluster: name}, retryAfter)
			return nil
		}
	}
	p.members.add(m)
	p.wakeGuests(ctx, m)
	return nil
}

// shardOf is where a workspace binds kube-bind's API, or nil. That it does so nowhere is certain only once all shards are known: what one
// that is away has, has not gone.
func (p *Provider) shardOf(name multicluster.ClusterName) (at *shard, certain bool) {
	certain = true
	for _, s := range p.members.shards() {
		if s.bound(name) != nil {
			return s, true
		}
		certain = certain && s.bindings.HasSynced()
	}
	return nil, certain
}

// wakeGuests has the places in a workspace that has come or gone join anew, so that all in them is looked at: much in them is as
// it is in their host, whose coming and going is no event in them.
func (p *Provider) wakeGuests(ctx context.Context, host *member) {
	if host.lodging.Host != "" {
		return
	}
	for _, name := range p.members.guests(host.name)[1:] {
		if guest := p.members.get(name); guest != nil {
			p.leave(ctx, guest)
			p.queue.Add(task{cluster: name})
		}
	}
}

func (p *Provider) leave(ctx context.Context, m *member) {
	p.members.remove(m)
	p.opts.Logger.Info("a workspace has left", "cluster", m.name)
	stop, cancel := context.WithTimeout(ctx, recorderTimeout)
	defer cancel()
	p.recorders.StopProvider(stop, logicalcluster.Name(m.name))
}
