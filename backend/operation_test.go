// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// warned fails unless there is an Event about obj with a reason.
func warned(ctx context.Context, t *testing.T, obj client.Object, reason string) error {
	t.Helper()
	var events eventsv1.EventList
	if err := admin(t).List(ctx, &events, client.InNamespace(obj.GetNamespace())); err != nil {
		return err
	}
	for _, e := range events.Items {
		if e.Regarding.UID == obj.GetUID() && e.Reason == reason {
			return nil
		}
	}
	return fmt.Errorf("no Event with reason %s about %s", reason, obj.GetName())
}

// Requests that cannot be served say why and what to do, in a condition and an Event.
func TestBadRequests(t *testing.T) {
	start(t)
	ns := newNamespace(t, "-requests")
	for name, tc := range map[string]struct {
		request *kubebindv1alpha2.BindableResourcesRequest
		reason  string
	}{
		"no template": {newRequest(ns, "a", t.Name(), "no-such-template"), kubebindv1alpha2.ReasonTemplateNotFound},
		"no identity": {newRequest(ns, "b", "", ""), kubebindv1alpha2.ReasonIdentityMissing},
	} {
		t.Run(name, func(t *testing.T) {
			request := create(t, admin(t), tc.request)
			request = finished(t, request, kubebindv1alpha2.PhaseFailed, tc.reason)
			if request.Status.CompletionTime == nil || request.Status.Namespace != "" {
				t.Errorf("status %+v", request.Status)
			}
			eventually(t, "an Event", func(ctx context.Context) error { return warned(ctx, t, request, tc.reason) })
		})
	}
}

// A request without template makes the place and nothing else.
func TestPlaceOnly(t *testing.T) {
	start(t)
	c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
	var exports kubebindv1alpha2.APIServiceExportRequestList
	if err := c.List(t.Context(), &exports, client.InNamespace(c.namespace)); err != nil || len(exports.Items) > 0 {
		t.Errorf("%d export requests, %v", len(exports.Items), err)
	}
}

func TestTTL(t *testing.T) {
	start(t)
	request := newRequest(newNamespace(t, "-requests"), "short", t.Name(), "")
	request.Spec.TTLAfterFinished = &metav1.Duration{Duration: time.Second}
	create(t, admin(t), request)
	gone(t, "the request", request)
	gone(t, "the answer", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: request.Namespace, Name: "short-binding-response"}})
}

// Heartbeats are judged, and the konnector's conditions stay.
func TestHeartbeats(t *testing.T) {
	start(t)
	c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
	healthy := func(reason string) {
		t.Helper()
		eventually(t, fmt.Sprintf("health %q", reason), func(ctx context.Context) error {
			binding := &kubebindv1alpha2.ClusterBinding{}
			if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: "cluster"}, binding); err != nil {
				return err
			}
			got := kubebindv1alpha2.FindCondition(binding.Status.Conditions, kubebindv1alpha2.ConditionHealthy)
			if got == nil || got.Reason != reason || (got.Status == metav1.ConditionTrue) != (reason == "") {
				return fmt.Errorf("it is %+v", got)
			}
			return nil
		})
	}
	beat := func(at time.Time, interval *metav1.Duration) {
		t.Helper()
		eventually(t, "a heartbeat", func(ctx context.Context) error {
			binding := &kubebindv1alpha2.ClusterBinding{}
			if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: "cluster"}, binding); err != nil {
				return err
			}
			last := metav1.NewTime(at)
			binding.Status.LastHeartbeatTime, binding.Status.HeartbeatInterval = &last, interval
			kubebindv1alpha2.SetCondition(&binding.Status.Conditions, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSecretValid))
			return c.Status().Update(ctx, binding)
		})
	}
	healthy(kubebindv1alpha2.ReasonFirstHeartbeatPending)
	beat(time.Now(), nil)
	healthy(kubebindv1alpha2.ReasonHeartbeatIntervalMissing)
	beat(time.Now(), &metav1.Duration{Duration: time.Minute})
	healthy("")
	beat(time.Now().Add(time.Hour), &metav1.Duration{Duration: time.Minute})
	healthy(kubebindv1alpha2.ReasonHeartbeatTimeDrift)
	// Nobody touches the object any more: the backend finds out by itself.
	beat(time.Now(), &metav1.Duration{Duration: time.Second})
	healthy(kubebindv1alpha2.ReasonHeartbeatTimeout)
	binding := get(t, c.Client, c.namespace, "cluster", &kubebindv1alpha2.ClusterBinding{})
	if !kubebindv1alpha2.IsTrue(binding.Status.Conditions, kubebindv1alpha2.ConditionSecretValid) {
		t.Errorf("the konnector's condition is lost: %+v", binding.Status.Conditions)
	}
}

// What is deleted of a place is put back.
func TestPlaceIsRepaired(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	c := bind(t, newNamespace(t, "-requests"), "fruit", t.Name(), newTemplate(t, "", nil, a).Name)
	ns := c.serviceNamespace(t, "garden")
	var roles, bindings = roleList(t, c.namespace), roleBindingList(t, c.namespace)
	if len(roles) != 2 || len(bindings) != 2 {
		t.Fatalf("%d Roles, %d RoleBindings, want one in %s and one in %s", len(roles), len(bindings), c.namespace, ns)
	}
	for _, obj := range append(roles, bindings...) {
		if err := admin(t).Delete(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the rights to come back", func(ctx context.Context) error {
		return errors.Join(
			c.List(ctx, a.list(), client.InNamespace(ns)),
			c.List(ctx, &kubebindv1alpha2.APIServiceExportList{}, client.InNamespace(c.namespace)),
		)
	})
}

// W52: one replica works; when it ends, the other one does.
func TestOneReplicaWorks(t *testing.T) {
	elect := func(o *backend.Options) { o.LeaderElect, o.LeaseName = true, unique(t) }
	stop := start(t, elect)
	holder := func(not string) string {
		t.Helper()
		lease := &coordinationv1.Lease{}
		eventually(t, "a leader", func(ctx context.Context) error {
			if err := admin(t).Get(ctx, client.ObjectKey{Namespace: "default", Name: unique(t)}, lease); err != nil {
				return err
			}
			if id := lease.Spec.HolderIdentity; id == nil || *id == "" || *id == not {
				return fmt.Errorf("the lease is %+v", lease.Spec)
			}
			return nil
		})
		return *lease.Spec.HolderIdentity
	}
	first := holder("")
	start(t, elect)
	requests := newNamespace(t, "-requests")
	bind(t, requests, "one", t.Name()+"1", "")
	if now := holder(""); now != first {
		t.Errorf("the leader changed from %s to %s", first, now)
	}
	stop()
	bind(t, requests, "two", t.Name()+"2", "")
	if now := holder(""); now == first {
		t.Errorf("the leader is still %s", now)
	}
}

// A replica that loses the lease must end: somebody else works.
func TestLostLeaseEndsTheProcess(t *testing.T) {
	opts := backend.NewOptions()
	opts.Config, opts.FrontendDisabled, opts.LeaseName = provider.Config(), true, unique(t)
	b, err := backend.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run(t.Context()) }()
	eventually(t, "the lease to be taken away", func(ctx context.Context) error {
		lease := &coordinationv1.Lease{}
		if err := admin(t).Get(ctx, client.ObjectKey{Namespace: "default", Name: opts.LeaseName}, lease); err != nil {
			return err
		}
		thief, now := "thief", metav1.NowMicro()
		lease.Spec.HolderIdentity, lease.Spec.RenewTime, lease.Spec.AcquireTime = &thief, &now, &now
		return admin(t).Update(ctx, lease)
	})
	select {
	case err := <-done:
		if err == nil {
			t.Error("Run returned no error")
		}
	case <-time.After(timeout):
		t.Error("Run goes on")
	}
}
