// SPDX-License-Identifier: Apache-2.0

package sharing

import "github.com/prometheus/client_golang/prometheus"

// Values of labels.
const (
	changeTaken = "taken"
	changeGiven = "given"
	changeLost  = "lost"

	failedLook   = "look"
	failedLease  = "lease"
	failedEngage = "engage"
)

// Metrics show what a replica has. Their labels are bounded: no logical cluster or replica is named in one.
type Metrics struct {
	replicas, held    prometheus.Gauge
	changes, failures *prometheus.CounterVec
}

// NewMetrics makes the metrics of a replica.
func NewMetrics() *Metrics {
	return &Metrics{
		replicas: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kube_bind_backend_sharing_replicas",
			Help: "With --share-workspaces, the replicas that live, as this one sees it.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kube_bind_backend_sharing_groups",
			Help: "With --share-workspaces, the provider workspaces that this replica works on, each with those of its consumers.",
		}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_backend_sharing_changes_total",
			Help: "With --share-workspaces, how often this replica began to work on such a group (taken), ended because it was another one's turn or the group had gone (given), or had to end because it could not renew its Lease in time or the group was another one's already (lost).",
		}, []string{"change"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_backend_sharing_failures_total",
			Help: "With --share-workspaces, tries that failed and are repeated, by step: look (reading the Leases and renewing this replica's own), lease (writing that of a group), engage (starting the controllers for a workspace).",
		}, []string{"step"}),
	}
}

// Collectors are what is to be registered.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.replicas, m.held, m.changes, m.failures}
}
