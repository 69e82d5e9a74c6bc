// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"time"

	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// How long to wait before something that has failed is tried again.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = time.Minute
)

// Start implements multicluster.ProviderRunnable: it hands each member to the controllers: on the replica that leads, or, if they share the
// workspaces, on each.
func (p *Provider) Start(ctx context.Context, aware multicluster.Aware) error {
	p.members.follow(func(m *member) { go p.engage(ctx, m, aware) })
	<-ctx.Done()
	return nil
}

// engage starts the controllers for a member, as often as it takes: whoever fails is engaged nowhere else.
func (p *Provider) engage(ctx context.Context, m *member, aware multicluster.Aware) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(m.ctx, cancel)
	defer stop()
	for delay := firstRetry; ctx.Err() == nil; delay = min(2*delay, lastRetry) {
		try, end := context.WithCancel(ctx)
		err := aware.Engage(try, m.name, m.site)
		if err == nil {
			p.opts.Logger.Info("engaged a workspace", "cluster", m.name, "host", m.host())
			<-ctx.Done()
			end()
			return
		}
		end() // what was started of it
		p.metrics.failures.WithLabelValues(stepEngage).Inc()
		p.opts.Logger.Error(err, "engaging a workspace; trying again", "cluster", m.name, "in", delay.String())
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}
