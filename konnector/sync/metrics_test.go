// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"

	"kube-bind.io/kube-bind/konnector/sync/plan"
)

var cowboys = schema.GroupVersionResource{Group: "wildwest.dev", Version: "v1", Resource: "cowboys"}

var billy = types.NamespacedName{Namespace: "default", Name: "billy"}

// measured is an engine of the binding "west" whose writes get the given answer, with its metrics.
func measured(t *testing.T, m *Metrics, answer func() error) *engine {
	t.Helper()
	client := dynamicfake.NewSimpleDynamicClient(runtime.NewScheme())
	client.PrependReactor("*", "cowboys", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"resourceVersion": "7"}}}, answer()
	})
	e, err := newEngine(Options{
		Resource: cowboys, Consumer: client, Provider: client, Metrics: m, Policy: plan.Policy{Binding: "west"},
		Recorder: events.NewFakeRecorder(10), Changed: func() {}, Workers: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// work lets an engine work until the test ends or stop is called. The plan for each object is the same.
func work(t *testing.T, e *engine, actions ...plan.Action) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	e.startWork(ctx, func(ctx context.Context, key types.NamespacedName) error { return e.do(ctx, key, nil, actions) })
	return func() {
		cancel()
		e.stopWork()
	}
}

// gathered is what is shown of a metric, by its labels in order: name=value,…
func gathered(t *testing.T, m *Metrics, name string) map[string]*dto.Metric {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.Metric{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out[strings.Join(labels, ",")] = metric
		}
	}
	return out
}

func onProvider() plan.Action { return plan.Action{Kind: plan.Delete, Key: billy, UID: "1"} }

func onConsumer() plan.Action {
	return plan.Action{Kind: plan.PatchStatus, Key: billy, Patch: []byte("[]")}
}

const latency = "kube_bind_konnector_sync_latency_seconds"

// What one side had to tell is timed until it is written to the other, once, and over all failures in between.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, left := NewMetrics(), 3
		e := measured(t, m, func() error {
			if left--; left >= 0 {
				return syscall.ECONNREFUSED
			}
			return nil
		})
		stop := work(t, e, plan.Action{Kind: plan.AddFinalizer, Key: billy, Patch: []byte("{}")}, onProvider())
		defer stop()
		e.saw(here, billy)
		<-time.After(time.Minute)
		e.saw(here, billy)
		<-time.After(time.Minute)
		e.queue.Add(billy) // without news
		<-time.After(time.Minute)
		synctest.Wait()
		got := gathered(t, m, latency)
		h := got["binding=west,direction=up,resource=cowboys.wildwest.dev"].GetHistogram()
		// Retries come after 0.1, 0.2 and 0.4 s; the second news needs none.
		if len(got) != 1 || h.GetSampleCount() != 2 || h.GetSampleSum() < 0.69 || h.GetSampleSum() > 0.71 {
			t.Errorf("got %v, want two that took 0.7 s together", got)
		}
		if n := len(e.arrivals.pending) + len(e.arrivals.current); n != 0 {
			t.Errorf("%d objects are remembered that are in sync", n)
		}
	})
}

func TestLatencyOfStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		e := measured(t, m, func() error { return nil })
		defer work(t, e, onConsumer())()
		e.saw(there, billy)
		synctest.Wait()
		if got := gathered(t, m, latency); got["binding=west,direction=down,resource=cowboys.wildwest.dev"].GetHistogram().GetSampleCount() != 1 {
			t.Errorf("got %v", got)
		}
	})
}

// What the user has to mend is not timed, and not remembered; the time until the user has done so is the user's. What waits for a
// namespace is.
func TestLatencyIsOursAlone(t *testing.T) {
	for reason, kept := range map[string]int{plan.ReasonConflict: 0, plan.ReasonNamespacePending: 1} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := measured(t, NewMetrics(), func() error { return nil })
				defer work(t, e, plan.Action{Kind: plan.Report, Reason: reason})()
				e.saw(here, billy)
				synctest.Wait()
				if n := len(e.arrivals.pending); n != kept {
					t.Errorf("%d objects are remembered, want %d", n, kept)
				}
			})
		})
	}
}

// News that come while a worker is busy are not lost with what it does.
func TestNewsDuringWork(t *testing.T) {
	a := newArrivals()
	a.note(here, billy)
	a.take(billy)
	a.note(there, billy)
	if _, ok := a.arrived(here, billy); !ok {
		t.Error("the first news have not come")
	}
	if _, ok := a.arrived(here, billy); ok {
		t.Error("the first news have come twice")
	}
	if a.settle(billy, false); a.pending[billy][there].IsZero() {
		t.Error("the news that came meanwhile are lost")
	}
}

func TestErrorsAndConflicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		answers := []error{
			apierrors.NewConflict(cowboys.GroupResource(), "billy", nil), syscall.ECONNREFUSED, syscall.ECONNREFUSED,
			apierrors.NewForbidden(cowboys.GroupResource(), "billy", errors.New("policy")),
		}
		e := measured(t, m, func() error {
			answer := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}
			return answer
		})
		defer work(t, e, plan.Action{Kind: plan.Delete, Key: billy, UID: "1"})()
		e.saw(here, billy)
		<-time.After(time.Minute)
		synctest.Wait()
		const of = "binding=west,resource=cowboys.wildwest.dev"
		if got := gathered(t, m, "kube_bind_konnector_sync_conflicts_total")[of+",side=provider"].GetCounter().GetValue(); got != 1 {
			t.Errorf("there are %v conflicts", got)
		}
		for reason, want := range map[string]float64{"reason=Retrying": 1, "reason=Rejected": 1} {
			if got := gathered(t, m, "kube_bind_konnector_sync_errors_total")[strings.Replace(of, ",", ","+reason+",", 1)].GetCounter().GetValue(); got != want {
				t.Errorf("%s: got %v, want %v", reason, got, want)
			}
		}
		failing := gathered(t, m, "kube_bind_konnector_sync_failing_objects")
		if len(failing) != 1 || failing["binding=west,reason=Rejected,resource=cowboys.wildwest.dev"].GetGauge().GetValue() != 1 {
			t.Errorf("failing: %v", failing)
		}
	})
}

// The backlog is that of all syncers of a resource, and with the last of them all series of the binding go.
func TestSeriesGoWithTheirSyncers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		block := make(chan struct{})
		slow := measured(t, m, func() error { <-block; return nil })
		stopSlow := work(t, slow, onProvider())
		other := measured(t, m, func() error { return nil })
		stopOther := work(t, other, onProvider())
		for _, name := range []string{"billy", "jesse", "doc"} {
			slow.saw(here, types.NamespacedName{Name: name})
		}
		synctest.Wait()
		backlog := gathered(t, m, "kube_bind_konnector_sync_backlog")
		if got := backlog["binding=west,resource=cowboys.wildwest.dev"].GetGauge().GetValue(); got != 2 {
			t.Errorf("%v objects wait, want 2 beside the one that is worked on", got)
		}
		close(block)
		synctest.Wait()
		stopSlow()
		if got := gathered(t, m, latency); len(got) == 0 {
			t.Error("the series of a syncer that runs are gone")
		}
		stopOther()
		for _, name := range []string{
			latency, "kube_bind_konnector_sync_write_seconds", "kube_bind_konnector_sync_conflicts_total", "kube_bind_konnector_sync_errors_total",
			"kube_bind_konnector_sync_backlog", "kube_bind_konnector_sync_failing_objects",
		} {
			if got := gathered(t, m, name); len(got) != 0 {
				t.Errorf("%s still has %v", name, got)
			}
		}
	})
}
