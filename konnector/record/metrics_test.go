// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// A binding is shown as ready or not as long as it is there, and each time that it stops being ready counts.
func TestMetrics(t *testing.T) {
	m := NewMetrics()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	w := Writer{Kind: "APIServiceBinding", Metrics: m, Recorder: events.NewFakeRecorder(10), Client: interceptor.NewClient(nil, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return nil
		},
	})}
	b := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "west"}}
	becomes := func(c kubebindv1alpha2.Condition) {
		t.Helper()
		before := b.DeepCopy()
		kubebindv1alpha2.SetCondition(&b.Status.Conditions, c)
		if err := w.Status(t.Context(), before, b); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(want string) {
		t.Helper()
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	}
	const isReady = `# HELP kube_bind_konnector_ready Whether an object is ready (1) or not (0), by kind (APIServiceBinding or APIServiceBindingBundle) and name.
# TYPE kube_bind_konnector_ready gauge
`
	const failures = `# HELP kube_bind_konnector_not_ready_total Times that the condition Ready of an object became False, or got another reason for it, by kind and reason.
# TYPE kube_bind_konnector_not_ready_total counter
`
	failed := func(message string) kubebindv1alpha2.Condition {
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady, kubebindv1alpha2.ReasonUnauthorized, kubebindv1alpha2.SeverityError, message)
	}
	becomes(kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionReady))
	shows(isReady + `kube_bind_konnector_ready{kind="APIServiceBinding",name="west"} 1` + "\n")
	becomes(failed("one"))
	becomes(failed("two"))
	counted := failures + `kube_bind_konnector_not_ready_total{kind="APIServiceBinding",reason="Unauthorized"} 1` + "\n"
	shows(isReady + `kube_bind_konnector_ready{kind="APIServiceBinding",name="west"} 0` + "\n" + counted)
	w.Forget("west")
	shows(counted)
}
