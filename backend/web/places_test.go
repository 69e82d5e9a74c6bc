// SPDX-License-Identifier: Apache-2.0

package web

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Minute:      "less than a minute ago", // the consumer's clock is ahead
		59 * time.Second:  "less than a minute ago",
		time.Minute:       "a minute ago",
		150 * time.Second: "2 minutes ago",
		time.Hour:         "an hour ago",
		47 * time.Hour:    "47 hours ago",
		48 * time.Hour:    "2 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	for counts, want := range map[[2]int]string{
		{0, 0}: "Nothing is bound.",
		{1, 0}: "Your binding does not work yet.",
		{1, 1}: "Your binding works.",
		{3, 1}: "1 of 3 bindings work.",
		{3, 3}: "All 3 bindings work.",
	} {
		if got := summary(counts[0], counts[1]); got != want {
			t.Errorf("%v: got %q, want %q", counts, got, want)
		}
	}
}

func placeWith(beat time.Time, conditions ...kubebindv1alpha2.Condition) Place {
	p := Place{}
	p.Binding.Namespace = "cluster-1"
	if !beat.IsZero() {
		p.Binding.Status.LastHeartbeatTime = &metav1.Time{Time: beat}
	}
	p.Binding.Status.Conditions = conditions
	return p
}

func TestShowPlace(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	healthy := kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionHealthy)
	silent := kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionHealthy, "Silent", kubebindv1alpha2.SeverityWarning, "no heartbeat for an hour")
	for name, tc := range map[string]struct {
		place                      Place
		colour, heartbeat, message string
	}{
		"new":     {placeWith(time.Time{}), "waiting", "never", ""},
		"unheard": {placeWith(time.Time{}, silent), "waiting", "never", ""},
		"healthy": {placeWith(now.Add(-time.Second), healthy), "good", "less than a minute ago", ""},
		"silent":  {placeWith(now.Add(-time.Hour), silent), "bad", "an hour ago", "no heartbeat for an hour"},
	} {
		got := showPlace(&tc.place, now)
		if got.Health.Colour != tc.colour || got.Heartbeat != tc.heartbeat || got.Message != tc.message || got.Name != "cluster-1" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestShowExport(t *testing.T) {
	e := &kubebindv1alpha2.APIServiceExport{}
	e.Name = "fruit"
	if got := showExport(e); got.Health.Word != "Waiting" {
		t.Errorf("a new one: got %+v", got)
	}
	e.Status.Conditions = []kubebindv1alpha2.Condition{
		kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady, "r", kubebindv1alpha2.SeverityError, "m"),
		kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionConnected, "NoBinding", kubebindv1alpha2.SeverityInfo, ""),
		kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionProviderInSync),
		kubebindv1alpha2.TrueCondition("New"),
	}
	got := showExport(e)
	want := []shownCondition{
		{"Known to your cluster", health{"waiting", "Waiting"}, "NoBinding"}, {"Set up at the provider", health{"good", "Ready"}, ""}, {"New", health{"good", "Ready"}, ""},
	}
	if got.Health != (health{"bad", "Not ready"}) || len(got.Conditions) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got.Conditions[i] != want[i] {
			t.Errorf("got %+v, want %+v", got.Conditions[i], want[i])
		}
	}
	now := metav1.Now()
	e.DeletionTimestamp = &now
	if got := showExport(e); got.Health.Word != "Being removed" {
		t.Errorf("one that ends: got %+v", got)
	}
}

// What is seen changes with what is shown, and with nothing else.
func TestSeen(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	seen := func(after time.Duration, conditions ...kubebindv1alpha2.Condition) string {
		out, err := newBound([]Place{placeWith(now, conditions...)}, now.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return out.Seen
	}
	if seen(0) != seen(30*time.Second) {
		t.Error("it changes with time")
	}
	if seen(0) == seen(2*time.Minute) || seen(0) == seen(0, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionHealthy)) {
		t.Error("it does not change")
	}
}
