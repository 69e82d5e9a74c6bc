// SPDX-License-Identifier: Apache-2.0

package sync

import (
	gosync "sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// Metrics are the metrics of all syncers of one konnector. Their labels are bounded: bindings and resources are those that
// sync, reasons are those of docs/reference/conditions.md. The series of a binding's resource live as long as it syncs.
type Metrics struct {
	writes, latency   *prometheus.HistogramVec
	conflicts, errors *prometheus.CounterVec
	backlog, failing  *prometheus.Desc

	mu      gosync.Mutex
	running map[series]map[*engine]struct{}
}

// series are the labels that a syncer's metrics have in common. Claimed objects are shared for all bindings of a place: their
// binding is empty.
type series struct{ binding, resource string }

func (s series) labels() prometheus.Labels {
	return prometheus.Labels{"binding": s.binding, "resource": s.resource}
}

func (e *engine) series() series {
	return series{binding: e.Policy.Binding, resource: e.Resource.GroupResource().String()}
}

// NewMetrics makes the metrics of syncers.
func NewMetrics() *Metrics {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, append([]string{"binding", "resource"}, labels...))
	}
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"binding", "resource", label})
	}
	return &Metrics{
		writes: histogram("kube_bind_konnector_sync_write_seconds",
			"Time of the writes that keep objects in sync, by binding, resource, action and result (ok or error).",
			prometheus.ExponentialBuckets(0.002, 2, 12), "action", "result"),
		latency: histogram("kube_bind_konnector_sync_latency_seconds",
			"Time from seeing news of an object on one side until it is written to the other, by binding, resource and direction: up is to the provider, down to the consumer. What nobody could sync without the user's help is left out.",
			prometheus.ExponentialBuckets(0.005, 2.5, 13), "direction"),
		conflicts: counter("kube_bind_konnector_sync_conflicts_total",
			"Writes that met an object which somebody else had changed meanwhile, by binding, resource and side (provider or consumer). They are planned anew.", "side"),
		errors: counter("kube_bind_konnector_sync_errors_total",
			"Times that an object fell out of sync, by binding, resource and reason: that of its Event, or Retrying while a side is away.", "reason"),
		backlog: prometheus.NewDesc("kube_bind_konnector_sync_backlog",
			"Objects that wait for a worker, by binding and resource.", []string{"binding", "resource"}, nil),
		failing: prometheus.NewDesc("kube_bind_konnector_sync_failing_objects",
			"Objects that are not in sync, by binding, resource and reason: that of their Event, or Retrying while a side is away.", []string{"binding", "resource", "reason"}, nil),
		running: map[series]map[*engine]struct{}{},
	}
}

// Collectors are what is to be registered.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.writes, m.latency, m.conflicts, m.errors, queues{m}}
}

// queues are the gauges, which are read when somebody asks.
type queues struct{ *Metrics }

// Describe implements prometheus.Collector.
func (q queues) Describe(out chan<- *prometheus.Desc) {
	out <- q.backlog
	out <- q.failing
}

// Collect implements prometheus.Collector.
func (q queues) Collect(out chan<- prometheus.Metric) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for s, engines := range q.running {
		waiting, failing := 0, map[string]int{}
		for e := range engines {
			waiting += e.queue.Len()
			for reason, n := range e.problems.counts() {
				failing[reason] += n
			}
		}
		out <- prometheus.MustNewConstMetric(q.backlog, prometheus.GaugeValue, float64(waiting), s.binding, s.resource)
		for reason, n := range failing {
			out <- prometheus.MustNewConstMetric(q.failing, prometheus.GaugeValue, float64(n), s.binding, s.resource, reason)
		}
	}
}

// begin says that a syncer works.
func (m *Metrics) begin(e *engine) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := e.series()
	if m.running[s] == nil {
		m.running[s] = map[*engine]struct{}{}
	}
	m.running[s][e] = struct{}{}
}

// end says that a syncer writes no more. With the last of its kind all that was counted of it goes.
func (m *Metrics) end(e *engine) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := e.series()
	if delete(m.running[s], e); len(m.running[s]) > 0 {
		return
	}
	delete(m.running, s)
	for _, vector := range []*prometheus.MetricVec{m.writes.MetricVec, m.latency.MetricVec, m.conflicts.MetricVec, m.errors.MetricVec} {
		vector.DeletePartialMatch(s.labels())
	}
}

func (m *Metrics) wrote(s series, kind plan.Kind, err error, took time.Duration) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.writes.WithLabelValues(s.binding, s.resource, kind.String(), result).Observe(took.Seconds())
}

func (m *Metrics) carried(s series, from where, took time.Duration) {
	if m == nil {
		return
	}
	direction := "up"
	if from == there {
		direction = "down"
	}
	m.latency.WithLabelValues(s.binding, s.resource, direction).Observe(took.Seconds())
}

func (m *Metrics) conflict(s series, on where) {
	if m == nil {
		return
	}
	side := "consumer"
	if on == there {
		side = "provider"
	}
	m.conflicts.WithLabelValues(s.binding, s.resource, side).Inc()
}

func (m *Metrics) problem(s series, reason string) {
	if m == nil {
		return
	}
	m.errors.WithLabelValues(s.binding, s.resource, reason).Inc()
}
