// SPDX-License-Identifier: Apache-2.0

package clusterbinding

import (
	"errors"
	"fmt"
	"time"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

const (
	// patience is after how many intervals without heartbeat a consumer is taken for gone.
	patience = 2
	// drift is how far in the future a heartbeat may be: clocks differ a little.
	drift = 10 * time.Second
	// notice is how long before its removal a silent consumer's is announced: for the Event about it to be seen.
	notice = 2 * time.Second
)

// health judges the heartbeats of a consumer, and says when to look again; 0 when only a heartbeat changes anything. A
// timeout of 0 is that of patience; less than that is never taken.
func health(status *kubebindv1alpha2.ClusterBindingStatus, now time.Time, timeout time.Duration) (kubebindv1alpha2.Condition, time.Duration) {
	if status.LastHeartbeatTime.IsZero() {
		return unhealthy(kubebindv1alpha2.ReasonFirstHeartbeatPending, kubebindv1alpha2.SeverityInfo,
			"the consumer's konnector has not reported yet"), 0
	}
	if status.HeartbeatInterval == nil || status.HeartbeatInterval.Duration <= 0 {
		return unhealthy(kubebindv1alpha2.ReasonHeartbeatIntervalMissing, kubebindv1alpha2.SeverityWarning,
			"the konnector does not say how often it reports"), 0
	}
	last, interval := status.LastHeartbeatTime.Time, status.HeartbeatInterval.Duration
	if ahead := last.Sub(now); ahead > drift {
		return unhealthy(kubebindv1alpha2.ReasonHeartbeatTimeDrift, kubebindv1alpha2.SeverityWarning,
			fmt.Sprintf("the last heartbeat is from %s, which is in the future: the clocks of consumer and provider differ", last.UTC().Format(time.RFC3339))), ahead - drift
	}
	if left := last.Add(max(timeout, patience*interval)).Sub(now); left > 0 {
		// A little later, so that it is not too early by the rounding of a timestamp.
		return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionHealthy), left + time.Second
	}
	return unhealthy(kubebindv1alpha2.ReasonHeartbeatTimeout, kubebindv1alpha2.SeverityError,
		fmt.Sprintf("the last heartbeat was at %s, and one was due every %s", last.UTC().Format(time.RFC3339), interval)), 0
}

// tooLong says whether a consumer has been silent for so long that it is to be removed, and if not how much longer it has;
// 0 is for ever. One that never reported has from when its place was made.
func (s Silence) tooLong(binding *kubebindv1alpha2.ClusterBinding, now time.Time) (bool, time.Duration) {
	if s.RemoveAfter <= 0 {
		return false, 0
	}
	last := binding.CreationTimestamp.Time
	if beat := binding.Status.LastHeartbeatTime; !beat.IsZero() {
		last = beat.Time
	}
	left := last.Add(s.RemoveAfter).Sub(now)
	if left <= 0 {
		return true, 0
	}
	return false, left + time.Second
}

// removal says how far the removal of a consumer is, from what providers.Tenancy.Remove returned.
func removal(err error) kubebindv1alpha2.Condition {
	message := "the consumer is being removed, with all that it has here"
	if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
		message += ": " + notReady.Message
	}
	return unhealthy(kubebindv1alpha2.ReasonConsumerRemoved, kubebindv1alpha2.SeverityInfo, message)
}

// silent announces the removal of a consumer that does not report.
func (s Silence) silent(status *kubebindv1alpha2.ClusterBindingStatus) kubebindv1alpha2.Condition {
	last := "the consumer never reported"
	if beat := status.LastHeartbeatTime; !beat.IsZero() {
		last = "the last heartbeat was at " + beat.UTC().Format(time.RFC3339)
	}
	return unhealthy(kubebindv1alpha2.ReasonConsumerSilent, kubebindv1alpha2.SeverityError,
		fmt.Sprintf("%s: after a silence of %s it is removed, with all that it has here", last, s.RemoveAfter))
}

// announced says whether silent was written.
func announced(status *kubebindv1alpha2.ClusterBindingStatus) bool {
	c := kubebindv1alpha2.FindCondition(status.Conditions, kubebindv1alpha2.ConditionHealthy)
	return c != nil && c.Reason == kubebindv1alpha2.ReasonConsumerSilent
}

// sooner is the earlier of two times to look again, where 0 is never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// until is how long to wait for a time at which to look again, where the zero time is never, and 0 too.
func until(at, now time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(now), 0) + time.Second
}

func unhealthy(reason string, severity kubebindv1alpha2.ConditionSeverity, message string) kubebindv1alpha2.Condition {
	return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionHealthy, reason, severity, message)
}

// report writes a condition into the status of a ClusterBinding. Conditions of the konnector stay as they are.
func report(binding *kubebindv1alpha2.ClusterBinding, condition kubebindv1alpha2.Condition) {
	kubebindv1alpha2.SetCondition(&binding.Status.Conditions, condition)
	kubebindv1alpha2.SetSummary(&binding.Status.Conditions)
}

// lastBeat is when the consumer last reported.
func lastBeat(binding *kubebindv1alpha2.ClusterBinding) time.Time {
	if beat := binding.Status.LastHeartbeatTime; beat != nil {
		return beat.Time
	}
	return time.Time{}
}

// beats tells whether an update of the status brings another heartbeat.
func beats(before, after *kubebindv1alpha2.ClusterBinding) bool {
	a, b := before.Status, after.Status
	return !a.LastHeartbeatTime.Equal(b.LastHeartbeatTime) ||
		(a.HeartbeatInterval == nil) != (b.HeartbeatInterval == nil) ||
		a.HeartbeatInterval != nil && *a.HeartbeatInterval != *b.HeartbeatInterval
}
