// SPDX-License-Identifier: Apache-2.0

package clusterbinding

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestHealth(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	beat := func(ago, interval time.Duration) kubebindv1alpha2.ClusterBindingStatus {
		last := metav1.NewTime(now.Add(-ago))
		return kubebindv1alpha2.ClusterBindingStatus{LastHeartbeatTime: &last, HeartbeatInterval: &metav1.Duration{Duration: interval}}
	}
	for name, tc := range map[string]struct {
		status kubebindv1alpha2.ClusterBindingStatus
		reason string
		again  time.Duration
	}{
		"nothing yet":           {kubebindv1alpha2.ClusterBindingStatus{}, "FirstHeartbeatPending", 0},
		"no interval":           {func() kubebindv1alpha2.ClusterBindingStatus { s := beat(0, 0); s.HeartbeatInterval = nil; return s }(), "HeartbeatIntervalMissing", 0},
		"interval zero":         {beat(0, 0), "HeartbeatIntervalMissing", 0},
		"interval negative":     {beat(0, -time.Minute), "HeartbeatIntervalMissing", 0},
		"just now":              {beat(0, time.Minute), "", 2*time.Minute + time.Second},
		"one missed":            {beat(90*time.Second, time.Minute), "", 31 * time.Second},
		"two missed":            {beat(2*time.Minute, time.Minute), "HeartbeatTimeout", 0},
		"long ago":              {beat(time.Hour, time.Minute), "HeartbeatTimeout", 0},
		"clock a little ahead":  {beat(-10*time.Second, time.Minute), "", 2*time.Minute + 11*time.Second},
		"clock far ahead":       {beat(-time.Hour, time.Minute), "HeartbeatTimeDrift", time.Hour - 10*time.Second},
		"recent, and not drift": {beat(5*time.Second, time.Minute), "", 116 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c, again := health(&tc.status, now, 0)
			if c.Reason != tc.reason || again != tc.again || (c.Status == metav1.ConditionTrue) != (tc.reason == "") {
				t.Errorf("got %+v, again in %s", c, again)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	consumer := func(made, beat time.Duration) *kubebindv1alpha2.ClusterBinding {
		b := &kubebindv1alpha2.ClusterBinding{}
		b.CreationTimestamp = metav1.NewTime(now.Add(-made))
		if beat > 0 {
			last := metav1.NewTime(now.Add(-beat))
			b.Status.LastHeartbeatTime, b.Status.HeartbeatInterval = &last, &metav1.Duration{Duration: time.Minute}
		}
		return b
	}
	for name, tc := range map[string]struct {
		silence Silence
		binding *kubebindv1alpha2.ClusterBinding
		gone    bool
		left    time.Duration
		healthy bool
	}{
		"off":                     {Silence{}, consumer(1000*time.Hour, 999*time.Hour), false, 0, false},
		"not yet":                 {Silence{RemoveAfter: time.Hour}, consumer(1000*time.Hour, 50*time.Minute), false, 10*time.Minute + time.Second, false},
		"long enough":             {Silence{RemoveAfter: time.Hour}, consumer(1000*time.Hour, time.Hour), true, 0, false},
		"never reported, new":     {Silence{RemoveAfter: time.Hour}, consumer(time.Minute, 0), false, 59*time.Minute + time.Second, false},
		"never reported":          {Silence{RemoveAfter: time.Hour}, consumer(time.Hour, 0), true, 0, false},
		"a longer timeout":        {Silence{Timeout: time.Hour}, consumer(1000*time.Hour, 50*time.Minute), false, 0, true},
		"a longer timeout passed": {Silence{Timeout: time.Hour}, consumer(1000*time.Hour, time.Hour), false, 0, false},
		"a timeout too short":     {Silence{Timeout: time.Second}, consumer(1000*time.Hour, 90*time.Second), false, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			if gone, left := tc.silence.tooLong(tc.binding, now); gone != tc.gone || left != tc.left {
				t.Errorf("gone %v, left %s", gone, left)
			}
			if c, _ := health(&tc.binding.Status, now, tc.silence.Timeout); (c.Status == metav1.ConditionTrue) != tc.healthy {
				t.Errorf("health is %+v", c)
			}
		})
	}
	if sooner(0, 5) != 5 || sooner(5, 0) != 5 || sooner(3, 5) != 3 || sooner(5, 3) != 3 || sooner(0, 0) != 0 {
		t.Error("sooner is not the earlier one")
	}
	if until(time.Time{}, now) != 0 || until(now.Add(time.Hour), now) != time.Hour+time.Second || until(now.Add(-time.Hour), now) != time.Second {
		t.Error("until is not the time that is left")
	}
}

// The konnector's conditions in the same list stay.
func TestReportKeepsOthers(t *testing.T) {
	b := &kubebindv1alpha2.ClusterBinding{}
	kubebindv1alpha2.SetCondition(&b.Status.Conditions, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSecretValid))
	report(b, unhealthy(kubebindv1alpha2.ReasonHeartbeatTimeout, kubebindv1alpha2.SeverityError, "x"))
	if !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionSecretValid) {
		t.Errorf("conditions %+v", b.Status.Conditions)
	}
	if ready := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionReady); ready == nil || ready.Reason != kubebindv1alpha2.ReasonHeartbeatTimeout {
		t.Errorf("conditions %+v", b.Status.Conditions)
	}
}

func TestBeats(t *testing.T) {
	at := func(second int, interval *metav1.Duration) *kubebindv1alpha2.ClusterBinding {
		last := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC))
		return &kubebindv1alpha2.ClusterBinding{Status: kubebindv1alpha2.ClusterBindingStatus{LastHeartbeatTime: &last, HeartbeatInterval: interval}}
	}
	minute := &metav1.Duration{Duration: time.Minute}
	conditions := at(1, minute)
	conditions.Status.Conditions = []kubebindv1alpha2.Condition{{Type: "Ready"}}
	for name, tc := range map[string]struct {
		after *kubebindv1alpha2.ClusterBinding
		want  bool
	}{
		"another beat":     {at(2, minute), true},
		"another interval": {at(1, &metav1.Duration{Duration: time.Hour}), true},
		"no interval":      {at(1, nil), true},
		"conditions":       {conditions, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := beats(at(1, minute), tc.after); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
