// SPDX-License-Identifier: Apache-2.0

package clusterbinding

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// Silence says what becomes of consumers that do not report.
type Silence struct {
	// Timeout is after how long without a heartbeat a consumer is taken for gone. 0 is twice the interval that it names.
	Timeout time.Duration
	// RemoveAfter is after how long it is removed, with all that it has here. 0 is never.
	RemoveAfter time.Duration
}

// Register adds the controller to the fleet.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=clusterbindings,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=kube-bind.io,resources=clusterbindings/status,verbs=get;patch;update
// +kubebuilder:rbac:groups="",resources=secrets;serviceaccounts,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=serviceaccounts/token,resourceNames=kube-binder,verbs=create
// +kubebuilder:rbac:groups="",resources=secrets,resourceNames=kube-binder,verbs=delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch
func Register(fleet loop.Fleet, silence Silence) error {
	r := &reconciler{tenancy: fleet.Provider, silence: silence, now: time.Now}
	c := loop.Controller[*kubebindv1alpha2.ClusterBinding]{
		Name:      "clusterbinding",
		Reconcile: r.reconcile,
		Fail:      showError,
		Ready:     loop.ReadyOf[*kubebindv1alpha2.ClusterBinding],
		Seen:      lastBeat,
		Changed:   beats,
	}
	for _, part := range []client.Object{&corev1.Secret{}, &corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{}} {
		c.Watches = append(c.Watches, loop.Watch{Object: part, Keys: loop.Keyed(placeOf)})
	}
	return loop.Register(fleet, c)
}

type reconciler struct {
	tenancy providers.Tenancy
	silence Silence
	now     func() time.Time
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, binding *kubebindv1alpha2.ClusterBinding) (time.Duration, error) {
	if !binding.DeletionTimestamp.IsZero() {
		return r.remove(ctx, scope, binding)
	}
	gone, left := r.silence.tooLong(binding, r.now())
	if gone {
		return r.giveUp(ctx, scope, binding)
	}
	condition, again := health(&binding.Status, r.now(), r.silence.Timeout)
	report(binding, condition)
	again = sooner(again, left)
	place, err := r.tenancy.Repair(ctx, providers.Place{Cluster: scope.Cluster, Namespace: binding.Namespace})
	if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
		return notReady.RetryAfter, nil
	}
	if foreign, ok := errors.AsType[*providers.ForeignError](err); ok {
		return 0, loop.Block(kubebindv1alpha2.ReasonError, "this is no place of a consumer: %s", foreign)
	}
	if apierrors.IsNotFound(err) {
		return again, nil
	}
	if err != nil {
		return 0, fmt.Errorf("repairing the place: %w", err)
	}
	return sooner(again, until(place.RenewAt, r.now())), nil
}

// remove takes everything away that the consumer has here. The ClusterBinding is the last of it.
func (r *reconciler) remove(ctx context.Context, scope loop.Scope, binding *kubebindv1alpha2.ClusterBinding) (time.Duration, error) {
	err := r.tenancy.Remove(ctx, providers.Place{Cluster: scope.Cluster, Namespace: binding.Namespace})
	report(binding, removal(err))
	if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
		return notReady.RetryAfter, nil
	}
	if err != nil {
		return 0, fmt.Errorf("removing the place: %w", err)
	}
	return 0, nil
}

// giveUp announces the removal of a consumer that has been silent for too long, and then deletes its ClusterBinding. What
// the server says counts, not the cache: with it goes all that the consumer has here.
func (r *reconciler) giveUp(ctx context.Context, scope loop.Scope, binding *kubebindv1alpha2.ClusterBinding) (time.Duration, error) {
	if !announced(&binding.Status) {
		report(binding, r.silence.silent(&binding.Status))
		return notice, nil
	}
	ctrl.LoggerFrom(ctx).Info("removing a consumer that has not reported for too long", "lastHeartbeat", binding.Status.LastHeartbeatTime, "after", r.silence.RemoveAfter)
	uid, version := binding.UID, binding.ResourceVersion
	err := scope.Delete(ctx, binding, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("removing a silent consumer: %w", err)
	}
	return 0, nil
}

func showError(binding *kubebindv1alpha2.ClusterBinding, reason, message string) {
	report(binding, unhealthy(reason, kubebindv1alpha2.SeverityWarning, message))
}

// placeOf returns the ClusterBinding of the place that an object is part of.
func placeOf(obj client.Object) (types.NamespacedName, bool) {
	ours := obj.GetLabels()[kubebindv1alpha2.ContractNamespaceLabel] == obj.GetNamespace()
	part := obj.GetName() == kubebindv1alpha2.BinderName || obj.GetName() == kubebindv1alpha2.KubeconfigSecretName
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: kubebindv1alpha2.ClusterBindingName}, ours && part
}
