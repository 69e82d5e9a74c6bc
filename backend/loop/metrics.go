// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// Metrics count the objects that controllers work on. Their labels are bounded: no object, consumer or logical cluster is named in
// one, kinds are those of the controllers, and reasons are those of docs/reference/conditions.md.
type Metrics struct {
	objects, age *prometheus.Desc
	failed       *prometheus.CounterVec

	mu       sync.Mutex
	clusters map[multicluster.ClusterName]*engagement
}

// engagement is the time in which a logical cluster is served.
type engagement struct{ objects map[subject]state }

// subject is an object in a logical cluster.
type subject struct {
	kind string
	key  Key
}

// state is what is counted of an object.
type state struct {
	ready, reason string
	seen          time.Time
}

// NewMetrics makes the metrics of controllers.
func NewMetrics() *Metrics {
	return &Metrics{
		objects: prometheus.NewDesc("kube_bind_backend_objects",
			"Objects of kube-bind, by kind, by what their condition Ready says (True, False or Unknown) and why. A ClusterBinding is a consumer, or rather its place. Counted by the replica that works on them.",
			[]string{"kind", "ready", "reason"}, nil),
		age: prometheus.NewDesc("kube_bind_backend_heartbeat_age_seconds",
			"Time since the last heartbeat of consumers that had one, by quantile: 0.5, 0.9 and 1, which is the longest.", []string{"quantile"}, nil),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_backend_not_ready_total",
			Help: "Times that the condition Ready of an object became False, or got another reason for it, by kind and reason.",
		}, []string{"kind", "reason"}),
		clusters: map[multicluster.ClusterName]*engagement{},
	}
}

// Collectors are what is to be registered.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.failed, census{m}}
}

// Start implements manager.Runnable. What there is to do is done when a logical cluster comes.
func (m *Metrics) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Engage implements multicluster.Aware: what is counted of a logical cluster goes with it. One that has ended already is late, and
// is not to displace the one after it.
func (m *Metrics) Engage(ctx context.Context, name multicluster.ClusterName, _ cluster.Cluster) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	engaged := &engagement{objects: map[subject]state{}}
	m.clusters[name] = engaged
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.clusters[name] == engaged {
			delete(m.clusters, name)
		}
	})
	return nil
}

// note takes what has become of an object. What comes from a logical cluster that has gone is late.
func (m *Metrics) note(in multicluster.ClusterName, of subject, was, is Readiness, seen time.Time) {
	if m == nil {
		return
	}
	if is.Status == "False" && (was.Status != is.Status || was.Reason != is.Reason) {
		m.failed.WithLabelValues(of.kind, is.Reason).Inc()
	}
	s := state{ready: cmp.Or(is.Status, "Unknown"), seen: seen}
	if s.ready != "True" {
		s.reason = is.Reason
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if engaged := m.clusters[in]; engaged != nil {
		engaged.objects[of] = s
	}
}

// gone takes away what is counted of an object.
func (m *Metrics) gone(in multicluster.ClusterName, of subject) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if engaged := m.clusters[in]; engaged != nil {
		delete(engaged.objects, of)
	}
}

// census shows what is counted when somebody asks.
type census struct{ *Metrics }

// Describe implements prometheus.Collector.
func (c census) Describe(out chan<- *prometheus.Desc) {
	out <- c.objects
	out <- c.age
}

// Collect implements prometheus.Collector.
func (c census) Collect(out chan<- prometheus.Metric) {
	type row struct{ kind, ready, reason string }
	count, ages := map[row]int{}, []time.Duration(nil)
	c.mu.Lock()
	for _, engaged := range c.clusters {
		for of, s := range engaged.objects {
			count[row{of.kind, s.ready, s.reason}]++
			if !s.seen.IsZero() {
				ages = append(ages, time.Since(s.seen))
			}
		}
	}
	c.mu.Unlock()
	for r, n := range count {
		out <- prometheus.MustNewConstMetric(c.objects, prometheus.GaugeValue, float64(n), r.kind, r.ready, r.reason)
	}
	if len(ages) == 0 {
		return
	}
	slices.Sort(ages)
	for _, quantile := range []float64{0.5, 0.9, 1} {
		rank := int(math.Ceil(quantile*float64(len(ages)))) - 1
		out <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, ages[rank].Seconds(), strconv.FormatFloat(quantile, 'g', -1, 64))
	}
}
