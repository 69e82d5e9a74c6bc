// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Masterminds/semver/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	// heartbeatInterval is what the provider is told to expect; see surface: constant 5 min, written twice as often.
	heartbeatInterval = 5 * time.Minute
	heartbeatPeriod   = heartbeatInterval / 2
	heartbeatTimeout  = 10 * time.Second
	// heartbeatPause is the least time between two heartbeats, so that a failing provider is asked, not flooded.
	heartbeatPause    = time.Second
	heartbeatRetryMax = 5 * time.Second
)

// errPlaceGone says that the credential is good, and the place that it is for is gone.
var errPlaceGone = errors.New("the provider has removed this consumer: there is no ClusterBinding any more")

// beat writes heartbeats until ctx ends: one per period, and while they fail, or something else says that the provider
// is away, at growing intervals until one gets through.
func (s *Session) beat(ctx context.Context) {
	retry := wait.Backoff{Duration: heartbeatPause, Factor: 2, Jitter: 0.1, Steps: 100, Cap: heartbeatRetryMax}
	next := retry
	for {
		pause := heartbeatPeriod
		if err := s.heartbeat(ctx); err != nil {
			pause = next.Step()
		} else {
			next = retry
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.kick:
			timer.Stop()
			select {
			case <-ctx.Done():
				return
			case <-time.After(min(pause, heartbeatPause)):
			}
		}
	}
}

// heartbeat writes one, and notes what it says about the provider.
func (s *Session) heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	binding, err := s.writeHeartbeat(ctx)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		s.log.V(2).Info("heartbeat failed", "error", err.Error())
		away := s.away(err)
		s.update(func(h *Health) {
			h.Heartbeat = &Problem{kubebindv1alpha2.ReasonClusterBindingUpdateFailed, fmt.Sprintf("The heartbeat could not be written: %v", rootCause(err))}
			h.Provider = away
			h.Removed = h.Removed || errors.Is(err, errPlaceGone)
		})
		return err
	}
	s.mu.Lock()
	s.beaten = time.Now()
	s.mu.Unlock()
	wasAway := s.Health().Provider != nil
	s.update(func(h *Health) {
		h.Heartbeat, h.Provider, h.Beaten = nil, nil, true
		h.Removed = binding.DeletionTimestamp != nil
		h.PrettyName, h.Place = binding.Spec.ProviderPrettyName, binding.UID
	})
	if wasAway {
		s.syncers.retryFailed()
		s.connection.places.retryFailed(s)
	}
	return nil
}

// writeHeartbeat reports to the provider in the status of the ClusterBinding. The backend writes other conditions into
// the same list, hence the resourceVersion in the patch.
func (s *Session) writeHeartbeat(ctx context.Context) (*kubebindv1alpha2.ClusterBinding, error) {
	binding := &kubebindv1alpha2.ClusterBinding{}
	key := client.ObjectKey{Namespace: s.Namespace, Name: kubebindv1alpha2.ClusterBindingName}
	for {
		err := s.live.Get(ctx, key, binding)
		if apierrors.IsNotFound(err) {
			return nil, errPlaceGone
		}
		if err != nil {
			return nil, fmt.Errorf("reading the ClusterBinding: %w", err)
		}
		secretValid, err := s.rotate(ctx, binding)
		if err != nil {
			return nil, err
		}
		before := binding.DeepCopy()
		s.report(binding, secretValid)
		err = s.live.Status().Patch(ctx, binding, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
			client.FieldOwner(kubebindv1alpha2.FieldManager))
		if !apierrors.IsConflict(err) {
			return binding, err
		}
	}
}

func (s *Session) report(binding *kubebindv1alpha2.ClusterBinding, secretValid kubebindv1alpha2.Condition) {
	status := &binding.Status
	now := metav1.Now()
	status.LastHeartbeatTime = &now
	status.HeartbeatInterval = &metav1.Duration{Duration: heartbeatInterval}
	status.ConsumerSecretRef = &kubebindv1alpha2.SecretRef{Namespace: s.connection.ref.Namespace, Name: s.connection.ref.Name}
	status.KonnectorVersion = s.connection.Version
	valid := kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionValidVersion)
	if _, err := semver.NewVersion(s.connection.Version); err != nil {
		status.KonnectorVersion = "unknown"
		valid = kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionValidVersion, kubebindv1alpha2.ReasonParseError,
			kubebindv1alpha2.SeverityWarning, "The konnector was built without a version.")
	}
	kubebindv1alpha2.SetCondition(&status.Conditions, valid)
	kubebindv1alpha2.SetCondition(&status.Conditions, secretValid)
	kubebindv1alpha2.SetSummary(&status.Conditions)
}
