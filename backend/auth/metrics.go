// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// signedIn is the result of a sign-in that somebody has come through.
const signedIn = "OK"

func newMetrics() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kube_bind_backend_sign_ins_total",
		Help: "Sign-ins by result: OK, or the code of the error with which one was refused, of those that the HTTP API has.",
	}, []string{"result"})
}

// Collectors are the metrics of the sign-in.
func (s *SignIn) Collectors() []prometheus.Collector { return []prometheus.Collector{s.metrics} }

// Collectors are those that a SignIn has. It is for who describes them: these count nothing.
func Collectors() []prometheus.Collector { return []prometheus.Collector{newMetrics()} }

// ended counts a sign-in that has come to its end.
func (s *SignIn) ended(err error) {
	if err == nil {
		s.metrics.WithLabelValues(signedIn).Inc()
	}
	s.refused(err)
}

// refused counts a sign-in that goes no further, if there is an error.
func (s *SignIn) refused(err error) {
	if err == nil {
		return
	}
	result := kubebindv1alpha2.ErrorCodeInternal
	if known, ok := errors.AsType[*kubebindv1alpha2.Error](err); ok {
		result = known.Code
	}
	s.metrics.WithLabelValues(result).Inc()
}
