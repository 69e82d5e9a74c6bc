// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Steps that can fail until a workspace is served.
const (
	stepShards = "shards"
	stepJoin   = "join"
	stepEngage = "engage"
)

type metrics struct {
	failures *prometheus.CounterVec
	members  prometheus.GaugeFunc
	missing  prometheus.GaugeFunc
}

func newMetrics(members *members) *metrics {
	return &metrics{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_kcp_engagement_failures_total",
			Help: "Tries to serve workspaces that failed and are repeated, by step: shards (watching a shard), join (finding out what a workspace is), engage (starting its controllers).",
		}, []string{"step"}),
		members: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kube_bind_kcp_workspaces",
			Help: "Workspaces that bind kube-bind's API and are known to this replica.",
		}, func() float64 { return float64(members.count()) }),
		missing: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kube_bind_kcp_workspaces_missing_claims",
			Help: "Of these workspaces, those of providers that have not accepted all that kube-bind's APIExport claims; the log says which.",
		}, func() float64 { return float64(members.missing()) }),
	}
}

// Collectors are the provider's metrics.
func (p *Provider) Collectors() []prometheus.Collector { return p.metrics.collectors() }

// Collectors are those that a Provider has. It is for who describes them: these count nothing.
func Collectors() []prometheus.Collector { return newMetrics(newMembers()).collectors() }

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.failures, m.members, m.missing}
}
