// SPDX-License-Identifier: Apache-2.0

package record

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Metrics say which of the konnector's own objects are ready. Labels are bounded: there are as many names as objects, and reasons
// are those of docs/reference/conditions.md.
type Metrics struct {
	ready  *prometheus.GaugeVec
	failed *prometheus.CounterVec
}

// NewMetrics makes the metrics of Writers.
func NewMetrics() *Metrics {
	return &Metrics{
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kube_bind_konnector_ready",
			Help: "Whether an object is ready (1) or not (0), by kind (APIServiceBinding or APIServiceBindingBundle) and name.",
		}, []string{"kind", "name"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_konnector_not_ready_total",
			Help: "Times that the condition Ready of an object became False, or got another reason for it, by kind and reason.",
		}, []string{"kind", "reason"}),
	}
}

// Collectors are what is to be registered.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.ready, m.failed}
}

// note takes how an object is.
func (m *Metrics) note(kind string, o Object) {
	if m == nil {
		return
	}
	value := 0.0
	if kubebindv1alpha2.IsTrue(o.GetConditions(), kubebindv1alpha2.ConditionReady) {
		value = 1
	}
	m.ready.WithLabelValues(kind, o.GetName()).Set(value)
}

// turned takes what has become of the condition Ready.
func (m *Metrics) turned(kind string, was, is *kubebindv1alpha2.Condition) {
	if m == nil || is == nil || is.Status != metav1.ConditionFalse {
		return
	}
	if was == nil || was.Status != is.Status || was.Reason != is.Reason {
		m.failed.WithLabelValues(kind, is.Reason).Inc()
	}
}

// Forget takes away what is known of an object that is gone.
func (w Writer) Forget(name string) {
	if w.Metrics != nil {
		w.Metrics.ready.DeleteLabelValues(w.Kind, name)
	}
}
