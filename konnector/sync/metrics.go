// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// Metrics are the metrics of all Syncers of one konnector.
type Metrics struct {
	writes *prometheus.HistogramVec
}

// NewMetrics registers the metrics of Syncers. A second konnector in the process shares those of the first.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	writes := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "kube_bind_konnector_sync_write_seconds",
		Help:    "Time of the writes that keep objects in sync, by resource, action and result.",
		Buckets: prometheus.ExponentialBuckets(0.002, 2, 12),
	}, []string{"resource", "action", "result"})
	err := registry.Register(writes)
	var exists prometheus.AlreadyRegisteredError
	if errors.As(err, &exists) {
		shared, ok := exists.ExistingCollector.(*prometheus.HistogramVec)
		if !ok {
			return nil, fmt.Errorf("registering sync metrics: %w", err)
		}
		return &Metrics{writes: shared}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registering sync metrics: %w", err)
	}
	return &Metrics{writes: writes}, nil
}

func (m *Metrics) observe(resource schema.GroupVersionResource, kind plan.Kind, err error, took time.Duration) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.writes.WithLabelValues(resource.GroupResource().String(), kind.String(), result).Observe(took.Seconds())
}
