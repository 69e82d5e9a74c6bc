// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func some() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "c_seconds", Help: "With {braces}, a \"quote\" and a , comma."}, []string{"one", "two"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "b_total", Help: "B."}, []string{"one"}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "a", Help: "A."}, func() float64 { return 1 }),
	}
}

func TestDescribe(t *testing.T) {
	got, err := Describe(some()...)
	if err != nil {
		t.Fatal(err)
	}
	want := []Metric{
		{Name: "a", Type: "gauge", Help: "A."},
		{Name: "b_total", Type: "counter", Help: "B.", Labels: []string{"one"}},
		{Name: "c_seconds", Type: "histogram", Help: "With {braces}, a \"quote\" and a , comma.", Labels: []string{"one", "two"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := want[2].Series(); !reflect.DeepEqual(got, []string{"c_seconds_bucket", "c_seconds_sum", "c_seconds_count"}) {
		t.Errorf("the histogram has the series %q", got)
	}
	if got := want[1].Series(); !reflect.DeepEqual(got, []string{"b_total"}) {
		t.Errorf("the counter has the series %q", got)
	}
}

// The second of two in a process shows nothing, and takes nothing of the first away when it ends.
func TestRegister(t *testing.T) {
	registry := prometheus.NewRegistry()
	shown := func() int {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return len(families)
	}
	end, err := Register(registry, some()...)
	if err != nil {
		t.Fatal(err)
	}
	endSecond, err := Register(registry, some()...)
	if err == nil {
		t.Error("nobody is told that metrics are another's")
	}
	if endSecond(); shown() != 1 {
		t.Errorf("there are %d families once the second has ended", shown())
	}
	if end(); shown() != 0 {
		t.Errorf("there are %d families once both have ended", shown())
	}
	if _, err := Register(registry, some()...); err != nil {
		t.Error(err)
	}
}
