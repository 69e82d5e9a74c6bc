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
}

func newMetrics(members func() int) *metrics {
	return &metrics{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_kcp_engagement_failures_total",
			Help: "Tries to serve workspaces that failed and are repeated, by step: shards (watching a shard), join (finding out what a workspace is), engage (starting its controllers).",
		}, []string{"step"}),
		members: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kube_bind_kcp_workspaces",
			Help: "Workspaces that bind kube-bind's API and are known to this replica.",
		}, func() float64 { return float64(members()) }),
	}
}

// Collectors are the provider's metrics.
func (p *Provider) Collectors() []prometheus.Collector {
	return []prometheus.Collector{p.metrics.failures, p.metrics.members}
}
