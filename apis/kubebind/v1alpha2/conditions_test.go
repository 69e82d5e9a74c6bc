// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func past() metav1.Time { return metav1.NewTime(time.Unix(1000, 0)) }

func at(c Condition, when metav1.Time) Condition {
	c.LastTransitionTime = when
	return c
}

func TestSetCondition(t *testing.T) {
	synced := at(TrueCondition(ConditionConnected), past())
	pending := at(FalseCondition(ConditionConnected, ReasonPending, SeverityInfo, "wait"), past())
	for _, tc := range []struct {
		name    string
		have    []Condition
		set     Condition
		renewed bool
		want    Condition
	}{
		{"new", nil, TrueCondition(ConditionConnected), true, TrueCondition(ConditionConnected)},
		{"the same", []Condition{synced}, TrueCondition(ConditionConnected), false, synced},
		{"the same, with another time", []Condition{synced}, at(TrueCondition(ConditionConnected), metav1.Now()), false, synced},
		{"another status", []Condition{synced}, FalseCondition(ConditionConnected, ReasonError, SeverityError, "m"), true, FalseCondition(ConditionConnected, ReasonError, SeverityError, "m")},
		{"another reason", []Condition{pending}, FalseCondition(ConditionConnected, ReasonError, SeverityInfo, "wait"), true, FalseCondition(ConditionConnected, ReasonError, SeverityInfo, "wait")},
		{"another severity", []Condition{pending}, FalseCondition(ConditionConnected, ReasonPending, SeverityError, "wait"), true, FalseCondition(ConditionConnected, ReasonPending, SeverityError, "wait")},
		{"another message", []Condition{pending}, FalseCondition(ConditionConnected, ReasonPending, SeverityInfo, "still"), true, FalseCondition(ConditionConnected, ReasonPending, SeverityInfo, "still")},
		{"a time of its own", nil, synced, false, synced},
		{"a severity that does not belong", nil, Condition{Type: ConditionConnected, Status: metav1.ConditionTrue, Severity: SeverityError}, true, TrueCondition(ConditionConnected)},
		{"unknown", nil, UnknownCondition(ConditionConnected, ReasonPending, "m"), true, UnknownCondition(ConditionConnected, ReasonPending, "m")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := slices.Clone(tc.have)
			SetCondition(&got, tc.set)
			if len(got) != 1 {
				t.Fatalf("got %v", got)
			}
			if renewed := !got[0].LastTransitionTime.Time.Equal(past().Time); renewed != tc.renewed {
				t.Errorf("time is %s", got[0].LastTransitionTime)
			}
			if got[0].LastTransitionTime.Nanosecond() != 0 {
				t.Errorf("time is %s, which JSON cuts off", got[0].LastTransitionTime.Format(time.RFC3339Nano))
			}
			if !sameState(got[0], tc.want) {
				t.Errorf("got %v, want %v", got[0], tc.want)
			}
		})
	}
}

func TestSetConditionSorts(t *testing.T) {
	var conditions []Condition
	for _, name := range []string{"SecretValid", "Connected", "Ready", "Heartbeating"} {
		SetCondition(&conditions, TrueCondition(name))
	}
	var got []string
	for _, c := range conditions {
		got = append(got, c.Type)
	}
	if want := []string{"Ready", "Connected", "Heartbeating", "SecretValid"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSetSummary(t *testing.T) {
	failed := func(name string, s ConditionSeverity) Condition { return FalseCondition(name, "R"+name, s, "M"+name) }
	for _, tc := range []struct {
		name   string
		have   []Condition
		ignore []string
		want   Condition
	}{
		{"all true", []Condition{TrueCondition("A"), TrueCondition("B")}, nil, TrueCondition(ConditionReady)},
		{"one error", []Condition{TrueCondition("A"), failed("B", SeverityError)}, nil, FalseCondition(ConditionReady, "RB", SeverityError, "MB")},
		{"error before warning", []Condition{failed("A", SeverityWarning), failed("B", SeverityError)}, nil, FalseCondition(ConditionReady, "RB", SeverityError, "MB")},
		{"warning before info", []Condition{failed("A", SeverityInfo), failed("B", SeverityWarning)}, nil, FalseCondition(ConditionReady, "RB", SeverityWarning, "MB")},
		{"info before true", []Condition{TrueCondition("A"), failed("B", SeverityInfo)}, nil, FalseCondition(ConditionReady, "RB", SeverityInfo, "MB")},
		{"unknown before true", []Condition{TrueCondition("A"), UnknownCondition("B", "RB", "MB")}, nil, UnknownCondition(ConditionReady, "RB", "MB")},
		{"only unknown", []Condition{UnknownCondition("A", "RA", "MA")}, nil, UnknownCondition(ConditionReady, "RA", "MA")},
		{"false without severity is an error", []Condition{failed("A", SeverityWarning), failed("B", SeverityNone)}, nil, FalseCondition(ConditionReady, "RB", SeverityNone, "MB")},
		{"first by type", []Condition{failed("B", SeverityError), failed("A", SeverityError)}, nil, FalseCondition(ConditionReady, "RA", SeverityError, "MA")},
		{"ignored", []Condition{TrueCondition("A"), failed("B", SeverityError)}, []string{"B"}, TrueCondition(ConditionReady)},
		{"an older Ready does not count", []Condition{failed(ConditionReady, SeverityError), TrueCondition("A")}, nil, TrueCondition(ConditionReady)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := slices.Clone(tc.have)
			SetSummary(&got, tc.ignore...)
			ready := FindCondition(got, ConditionReady)
			if ready == nil || !sameState(*ready, tc.want) {
				t.Errorf("got %v, want %v", ready, tc.want)
			}
			if got[0].Type != ConditionReady {
				t.Errorf("the first is %s", got[0].Type)
			}
			if IsTrue(got, ConditionReady) != (tc.want.Status == metav1.ConditionTrue) {
				t.Error("IsTrue disagrees")
			}
		})
	}
}

func TestSetSummaryKeepsTheTime(t *testing.T) {
	conditions := []Condition{at(TrueCondition("A"), metav1.Now()), at(TrueCondition(ConditionReady), past())}
	SetSummary(&conditions)
	if ready := FindCondition(conditions, ConditionReady); !ready.LastTransitionTime.Time.Equal(past().Time) {
		t.Errorf("Ready has not changed, but its time is %s", ready.LastTransitionTime)
	}
}

func TestSetSummaryOfNothing(t *testing.T) {
	for name, conditions := range map[string][]Condition{
		"none": nil, "only Ready": {TrueCondition(ConditionReady)},
	} {
		SetSummary(&conditions)
		if len(conditions) != 0 {
			t.Errorf("%s: got %v", name, conditions)
		}
	}
	ignored := []Condition{FalseCondition("A", "R", SeverityError, "m")}
	SetSummary(&ignored, "A")
	if FindCondition(ignored, ConditionReady) != nil {
		t.Errorf("got %v", ignored)
	}
}

func TestFindAndRemove(t *testing.T) {
	conditions := []Condition{TrueCondition("A"), FalseCondition("B", "R", SeverityError, "m")}
	if IsTrue(conditions, "B") || IsTrue(conditions, "C") || !IsTrue(conditions, "A") {
		t.Error("IsTrue is wrong")
	}
	FindCondition(conditions, "A").Message = "changed"
	if conditions[0].Message != "changed" {
		t.Error("FindCondition returned a copy")
	}
	RemoveCondition(&conditions, "A")
	if FindCondition(conditions, "A") != nil || len(conditions) != 1 {
		t.Errorf("got %v", conditions)
	}
}
