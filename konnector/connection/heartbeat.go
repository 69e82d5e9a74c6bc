// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Masterminds/semver/v3"
	corev1 "k8s.io/api/core/v1"
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

// rotate takes over a credential that the provider has renewed: the kubeconfig in the Secret that the ClusterBinding
// names. It must stand for the same place on the same server, and pass ParseKubeconfig: a provider can renew what it
// gave, and not send the konnector elsewhere. The consumer's Secret is the one thing that is written.
func (s *Session) rotate(ctx context.Context, binding *kubebindv1alpha2.ClusterBinding) (kubebindv1alpha2.Condition, error) {
	invalid := func(reason, format string, args ...any) (kubebindv1alpha2.Condition, error) {
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionSecretValid, reason,
			kubebindv1alpha2.SeverityWarning, fmt.Sprintf(format, args...)), nil
	}
	ref := binding.Spec.KubeconfigSecretRef
	theirs := &corev1.Secret{}
	err := s.live.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: ref.Name}, theirs)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return invalid(kubebindv1alpha2.ReasonProviderSecretNotFound, "Secret %s cannot be read by the konnector.", ref.Name)
	case err != nil:
		return kubebindv1alpha2.Condition{}, fmt.Errorf("reading the provider's kubeconfig Secret: %w", err)
	}
	fresh, err := ParseKubeconfig(theirs.Data[ref.Key])
	if err != nil {
		return invalid(kubebindv1alpha2.ReasonProviderSecretInvalid, "The kubeconfig in Secret %s, key %q, cannot be used: %v.", ref.Name, ref.Key, err)
	}
	if fresh.Config.Host != s.credential.Config.Host || fresh.Namespace != s.Namespace {
		return invalid(kubebindv1alpha2.ReasonProviderSecretInvalid,
			"The kubeconfig in Secret %s is for another server or namespace than the consumer's; the consumer's admin has to replace it there.", ref.Name)
	}
	if !sameCredential(fresh, s.credential) {
		if err := s.takeOver(ctx, theirs.Data[ref.Key]); err != nil {
			return kubebindv1alpha2.Condition{}, err
		}
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSecretValid), nil
}

// takeOver writes a renewed kubeconfig to the consumer's Secret. The session ends by that.
func (s *Session) takeOver(ctx context.Context, kubeconfig []byte) error {
	ref := s.connection.ref
	secrets := s.connection.Secrets.CoreV1().Secrets(ref.Namespace)
	ours, err := secrets.Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", s.connection.refString(), err)
	}
	if have, err := ParseKubeconfig(ours.Data[ref.Key]); err != nil || !sameCredential(have, s.credential) {
		// Somebody has just put something else there; that is for the next session to judge.
		return nil //nolint:nilerr // what cannot be parsed is somebody else's, too
	}
	ours.Data[ref.Key] = kubeconfig
	if _, err := secrets.Update(ctx, ours, metav1.UpdateOptions{FieldManager: kubebindv1alpha2.FieldManager}); err != nil {
		return fmt.Errorf("renewing the credential in Secret %s: %w", s.connection.refString(), err)
	}
	s.log.Info("took over a credential that the provider has renewed")
	return nil
}
