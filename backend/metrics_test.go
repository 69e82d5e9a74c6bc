// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// shown are the series of kube-bind that the process shows, with their values: name{label=value,…}. Of a histogram it is the
// number of samples.
func shown(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "kube_bind_") {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// A backend shows its consumers and their heartbeats, its requests by route, and its sign-ins; and nothing once it has ended.
func TestMetrics(t *testing.T) {
	d := openDoor(t)
	d.signIn("alice").do(http.MethodGet, "/api/ping?cluster_id=", nil, http.StatusOK, nil)
	person{door: d}.do(http.MethodGet, "/api/templates", nil, http.StatusUnauthorized, nil)
	person{door: d}.do(http.MethodGet, "/made/up/path", nil, http.StatusNotFound, nil)
	person{door: d}.do(http.MethodPost, "/api/token", map[string]string{"code": "stolen"}, http.StatusUnauthorized, nil)

	api := newAPI(t, "lassos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, api)
	consumer := bind(t, newNamespace(t, ""), "r", unique(t), template.Name)
	binding := get(t, admin(t), consumer.namespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	now := metav1.Now()
	binding.Status.LastHeartbeatTime, binding.Status.HeartbeatInterval = &now, &metav1.Duration{Duration: 300e9}
	if err := admin(t).Status().Update(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the metrics", func(context.Context) error {
		have := shown(t)
		for _, series := range []string{
			"kube_bind_backend_http_requests_total{code=200,method=GET,route=GET /api/ping}",
			"kube_bind_backend_http_requests_total{code=401,method=GET,route=GET /api/templates}",
			"kube_bind_backend_http_requests_total{code=404,method=GET,route=/}",
			"kube_bind_backend_http_request_seconds{route=GET /api/ping}",
			"kube_bind_backend_sign_ins_total{result=OK}",
			"kube_bind_backend_sign_ins_total{result=AUTHENTICATION_FAILED}",
			"kube_bind_backend_objects{kind=APIServiceExport,ready=True,reason=}",
			"kube_bind_backend_objects{kind=APIServiceExportTemplate,ready=True,reason=}",
			"kube_bind_backend_objects{kind=ClusterBinding,ready=True,reason=}",
			"kube_bind_backend_heartbeat_age_seconds{quantile=1}",
		} {
			if have[series] <= 0 {
				return errorf("there is no %s in %v", series, have)
			}
		}
		return nil
	})
	for series := range shown(t) {
		if strings.Contains(series, "made") || strings.Contains(series, consumer.namespace) {
			t.Errorf("a label has what clients make up, or a consumer: %s", series)
		}
	}
	d.stop()
	if left := shown(t); len(left) > 0 {
		t.Errorf("the backend has ended, and still there are %v", left)
	}
}
