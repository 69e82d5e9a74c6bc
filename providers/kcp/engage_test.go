// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// reluctant is engaged only when it has refused a number of times.
type reluctant struct {
	refusals int
	calls    []time.Time
	tries    []context.Context
}

func (r *reluctant) Engage(ctx context.Context, _ multicluster.ClusterName, _ cluster.Cluster) error {
	r.calls, r.tries = append(r.calls, time.Now()), append(r.tries, ctx)
	if len(r.calls) <= r.refusals {
		return errors.New("not today")
	}
	return nil
}

func newMemberForTest(p *Provider, name multicluster.ClusterName) *member {
	m := &member{site: &site{name: name}}
	m.ctx, m.leave = context.WithCancel(context.Background())
	p.members.add(m)
	return m
}

func newProviderForTest() *Provider {
	p := &Provider{opts: Options{Logger: logr.Discard()}, members: newMembers()}
	p.metrics = newMetrics(p.members)
	return p
}

// failures are those that were counted of engaging.
func failures(t *testing.T, p *Provider) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(p.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out float64
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "kube_bind_kcp_engagement_failures_total" && m.GetLabel()[0].GetValue() == stepEngage {
				out += m.GetCounter().GetValue()
			}
		}
	}
	return out
}

// A workspace whose controllers do not start is tried again, later and later, and each failure is counted. What was started of it
// ends before the next try, and what runs ends when the workspace leaves.
func TestEngagementIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const refusals = 12
		p, aware := newProviderForTest(), &reluctant{refusals: refusals}
		m := newMemberForTest(p, "one")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = p.Start(ctx, aware) }()
		<-time.After(time.Hour) // of the bubble's clock
		synctest.Wait()
		if len(aware.calls) != refusals+1 {
			t.Fatalf("it was tried %d times, want %d", len(aware.calls), refusals+1)
		}
		if got := failures(t, p); got != refusals {
			t.Errorf("%v failures were counted, want %d", got, refusals)
		}
		delay := firstRetry
		for i := 1; i < len(aware.calls); i++ {
			if got := aware.calls[i].Sub(aware.calls[i-1]); got != delay {
				t.Errorf("try %d came after %s, want %s", i, got, delay)
			}
			if aware.tries[i-1].Err() == nil {
				t.Errorf("what try %d has started goes on", i-1)
			}
			delay = min(2*delay, lastRetry)
		}
		last := aware.tries[refusals]
		if last.Err() != nil {
			t.Error("what runs has been ended")
		}
		p.members.remove(m)
		synctest.Wait()
		if last.Err() == nil {
			t.Error("what runs goes on in a workspace that has left")
		}
	})
}

// A workspace that leaves, or a provider that ends, is not tried any more.
func TestEngagementEnds(t *testing.T) {
	for name, end := range map[string]func(p *Provider, m *member, cancel context.CancelFunc){
		"the workspace leaves": func(p *Provider, m *member, _ context.CancelFunc) { p.members.remove(m) },
		"the provider ends":    func(_ *Provider, _ *member, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, aware := newProviderForTest(), &reluctant{refusals: 1 << 30}
				m := newMemberForTest(p, "one")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() { _ = p.Start(ctx, aware) }()
				<-time.After(time.Minute)
				end(p, m, cancel)
				synctest.Wait()
				tried := len(aware.calls)
				if tried == 0 {
					t.Fatal("it was never tried")
				}
				<-time.After(time.Hour)
				synctest.Wait()
				if len(aware.calls) != tried {
					t.Errorf("it was tried %d times more", len(aware.calls)-tried)
				}
			})
		})
	}
}

// One workspace that cannot be engaged keeps no other one waiting, whether it comes before or after.
func TestEngagementFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProviderForTest()
		newMemberForTest(p, "bad")
		engaged := make(chan multicluster.ClusterName, 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = p.Start(ctx, picky{engaged}) }()
		synctest.Wait()
		newMemberForTest(p, "good")
		synctest.Wait()
		select {
		case name := <-engaged:
			if name != "good" {
				t.Errorf("%s was engaged", name)
			}
		default:
			t.Error("the good one was not engaged")
		}
	})
}

// picky refuses the workspace "bad".
type picky struct {
	engaged chan multicluster.ClusterName
}

func (p picky) Engage(_ context.Context, name multicluster.ClusterName, _ cluster.Cluster) error {
	if name == "bad" {
		return errors.New("not this one")
	}
	p.engaged <- name
	return nil
}
