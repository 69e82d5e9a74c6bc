// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	objectsHead = `# HELP kube_bind_backend_objects Objects of kube-bind, by kind, by what their condition Ready says (True, False or Unknown) and why. A ClusterBinding is a consumer, or rather its place. Counted by the replica that works on them.
# TYPE kube_bind_backend_objects gauge
`
	ageHead = `# HELP kube_bind_backend_heartbeat_age_seconds Time since the last heartbeat of consumers that had one, by quantile: 0.5, 0.9 and 1, which is the longest.
# TYPE kube_bind_backend_heartbeat_age_seconds gauge
`
	failedHead = `# HELP kube_bind_backend_not_ready_total Times that the condition Ready of an object became False, or got another reason for it, by kind and reason.
# TYPE kube_bind_backend_not_ready_total counter
`
)

// Objects are counted by how they are, as long as they are there and their logical cluster is. None is named.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(m.Collectors()...)
		shows := func(want string) {
			t.Helper()
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
				t.Error(err)
			}
		}
		consumer := func(name string) subject {
			return subject{"ClusterBinding", Key{Namespace: "kube-bind-" + name, Name: "cluster"}}
		}
		ready, silent := Readiness{Status: "True"}, Readiness{Status: "False", Reason: kubebindv1alpha2.ReasonHeartbeatTimeout}
		now := time.Now()

		one, leaveOne := context.WithCancel(t.Context())
		for name, ctx := range map[string]context.Context{"one": one, "two": t.Context()} {
			if err := m.Engage(ctx, multicluster.ClusterName(name), nil); err != nil {
				t.Fatal(err)
			}
		}
		m.note("one", consumer("a"), Readiness{}, ready, now.Add(-10*time.Second))
		m.note("two", consumer("a"), Readiness{}, ready, now.Add(-20*time.Second))
		m.note("two", consumer("b"), ready, silent, now.Add(-time.Hour))
		m.note("two", consumer("b"), silent, silent, now.Add(-time.Hour))
		m.note("two", consumer("c"), Readiness{}, Readiness{}, time.Time{})
		m.note("never engaged", consumer("d"), Readiness{}, ready, now)
		const failed = failedHead + `kube_bind_backend_not_ready_total{kind="ClusterBinding",reason="HeartbeatTimeout"} 1` + "\n"
		const left = `kube_bind_backend_objects{kind="ClusterBinding",ready="False",reason="HeartbeatTimeout"} 1
kube_bind_backend_objects{kind="ClusterBinding",ready="Unknown",reason=""} 1
`
		shows(ageHead + `kube_bind_backend_heartbeat_age_seconds{quantile="0.5"} 20
kube_bind_backend_heartbeat_age_seconds{quantile="0.9"} 3600
kube_bind_backend_heartbeat_age_seconds{quantile="1"} 3600
` + failed + objectsHead + left + `kube_bind_backend_objects{kind="ClusterBinding",ready="True",reason=""} 2` + "\n")

		m.gone("two", consumer("a"))
		leaveOne()
		synctest.Wait()
		m.note("one", consumer("a"), Readiness{}, ready, now)
		m.gone("two", consumer("b"))
		shows(failed + objectsHead + `kube_bind_backend_objects{kind="ClusterBinding",ready="Unknown",reason=""} 1` + "\n")
	})
}

// A logical cluster that comes back before it was noticed that it had gone is counted.
func TestMetricsOfAnEngagementAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		first, end := context.WithCancel(t.Context())
		for _, ctx := range []context.Context{first, t.Context()} {
			if err := m.Engage(ctx, "one", nil); err != nil {
				t.Fatal(err)
			}
		}
		end()
		synctest.Wait()
		m.note("one", subject{kind: "APIServiceExport"}, Readiness{}, Readiness{Status: "True"}, time.Time{})
		if n := testutil.CollectAndCount(census{m}); n != 1 {
			t.Errorf("%d series are shown", n)
		}
	})
}

// An engagement that has ended before it began displaces none.
func TestMetricsOfALateEngagement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		late, end := context.WithCancel(t.Context())
		end()
		for _, ctx := range []context.Context{t.Context(), late} {
			if err := m.Engage(ctx, "one", nil); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		m.note("one", subject{kind: "APIServiceExport"}, Readiness{}, Readiness{Status: "True"}, time.Time{})
		if n := testutil.CollectAndCount(census{m}); n != 1 {
			t.Errorf("%d series are shown", n)
		}
	})
}
