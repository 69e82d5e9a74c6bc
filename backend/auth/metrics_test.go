// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Each step of a sign-in that is refused counts, by the code of its error, and one that comes through.
func TestSignInMetrics(t *testing.T) {
	s := New(Options{Origin: &url.URL{Scheme: "https", Host: "bind.example.com"}}, nil, nil)
	s.Authorize(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/authorize", nil))
	s.Authorize(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/authorize?session_id=1&redirect_url=https://evil.example.com/", nil))
	s.Callback(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/callback?state=another", nil))
	s.Token(httptest.NewRecorder(), httptest.NewRequest("POST", "/api/token", strings.NewReader("{")))
	s.ended(nil)
	s.ended(unauthenticated("no"))
	s.ended(errors.New("something with a secret in it"))
	for result, want := range map[string]float64{
		kubebindv1alpha2.ErrorCodeBadRequest: 4, kubebindv1alpha2.ErrorCodeAuthenticationFailed: 1, kubebindv1alpha2.ErrorCodeInternal: 1, "OK": 1,
	} {
		if got := testutil.ToFloat64(s.metrics.WithLabelValues(result)); got != want {
			t.Errorf("%s: %v, want %v", result, got, want)
		}
	}
	if n := testutil.CollectAndCount(s.metrics); n != 4 {
		t.Errorf("there are %d results", n)
	}
}
