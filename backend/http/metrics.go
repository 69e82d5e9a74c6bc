// SPDX-License-Identifier: Apache-2.0

package http

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kube-bind.io/kube-bind/backend/auth"
)

// metrics of the front door.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kube_bind_backend_http_requests_total", Help: "Requests at the front door, by method, route (the pattern, never the path) and code of the answer.",
		}, []string{"method", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kube_bind_backend_http_request_seconds", Help: "How long the front door took for an answer, by route (the pattern, never the path).",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"route"}),
	}
}

// observe counts a request. Its route is a pattern of ours, and its method one that exists: a client cannot make up labels.
func (m *metrics) observe(r *http.Request, status int, took time.Duration) {
	route := routeOf(r)
	m.requests.WithLabelValues(methodOf(r), route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// routeOf is the pattern that a request was answered by.
func routeOf(r *http.Request) string { return cmp.Or(r.Pattern, "none") }

// methodOf is the method of a request, as far as it is one that exists.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return r.Method
	}
	return "other"
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.seconds}
}

// Collectors are the metrics of the front door and of its sign-in.
func (d *Door) Collectors() []prometheus.Collector {
	return append(d.metrics.collectors(), d.signIn.Collectors()...)
}

// Collectors are those that a Door has. It is for who describes them: these count nothing.
func Collectors() []prometheus.Collector {
	return append(newMetrics().collectors(), auth.Collectors()...)
}
