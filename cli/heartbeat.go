// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// statusTimeout is how long a provider may take to say when it last heard of the konnector.
const statusTimeout = 10 * time.Second

// providerStatus is what a provider says of the konnector.
type providerStatus struct {
	heartbeat *metav1.Time
	latency   *int64
	// problem is "" if all is well.
	problem string
}

// askProviders asks all providers of some bindings at once, each one time: one that is away holds up no other.
func (c *cli) askProviders(ctx context.Context, consumer client.Client, bindings []kubebindv1alpha2.APIServiceBinding) map[kubebindv1alpha2.ClusterSecretKeyRef]*providerStatus {
	out := map[kubebindv1alpha2.ClusterSecretKeyRef]*providerStatus{}
	var asked sync.WaitGroup
	for i := range bindings {
		ref := bindings[i].Spec.KubeconfigSecretRef
		if out[ref] != nil {
			continue
		}
		answer := &providerStatus{}
		out[ref] = answer
		asked.Go(func() { c.askProvider(ctx, consumer, ref, answer) })
	}
	asked.Wait()
	return out
}

// askProvider reads what the provider knows of the konnector, with the konnector's own credential.
func (c *cli) askProvider(ctx context.Context, consumer client.Client, ref kubebindv1alpha2.ClusterSecretKeyRef, out *providerStatus) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	secret := &corev1.Secret{}
	err := consumer.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, secret)
	if apierrors.IsForbidden(err) {
		// Not everybody who may look at bindings may read credentials.
		return
	}
	if err != nil {
		out.problem = fmt.Sprintf("the provider cannot be asked, as the Secret %s/%s cannot be read: %s", ref.Namespace, ref.Name, reasonOf(err))
		return
	}
	place, err := install.Read(secret.Data[ref.Key])
	if err != nil {
		out.problem = fmt.Sprintf("the provider cannot be asked: Secret %s/%s: %v", ref.Namespace, ref.Name, err)
		return
	}
	provider, err := c.providerClient(place)
	if err != nil {
		out.problem = "the provider cannot be asked: " + err.Error()
		return
	}
	start := c.Now()
	binding := &kubebindv1alpha2.ClusterBinding{}
	if err := provider.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, binding); err != nil {
		out.problem = "the provider does not answer this program: " + reasonOf(err)
		return
	}
	now := c.Now()
	took := now.Sub(start).Milliseconds()
	out.latency, out.heartbeat = &took, binding.Status.LastHeartbeatTime
	out.problem = silent(&binding.Status, now)
}

// silent says that the provider has not heard of the konnector for too long, or nothing.
func silent(status *kubebindv1alpha2.ClusterBindingStatus, now time.Time) string {
	if status.LastHeartbeatTime == nil {
		return "the provider has not heard of the konnector yet"
	}
	if status.HeartbeatInterval == nil {
		return ""
	}
	if ago := now.Sub(status.LastHeartbeatTime.Time); ago > 2*status.HeartbeatInterval.Duration {
		return fmt.Sprintf("the provider has not heard of the konnector for %s, which means to report every %s", duration.HumanDuration(ago), status.HeartbeatInterval.Duration)
	}
	return ""
}

// reasonOf is the short form of an error of an API server.
func reasonOf(err error) string {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "not in time"
	}
	return err.Error()
}
