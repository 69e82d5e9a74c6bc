// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
)

// register watches bindings, the metadata of CRDs, since a CRD in full can have half a megabyte, and the signal.
func (c *Controller) register(mgr ctrl.Manager, signal *connection.Signal) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&kubebindv1alpha2.APIServiceBinding{}).
		Watches(&kubebindv1alpha2.APIServiceBinding{}, handler.EnqueueRequestsFromMapFunc(c.siblingsOf), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesMetadata(&apiextensionsv1.CustomResourceDefinition{}, handler.EnqueueRequestsFromMapFunc(c.bindingsOf)).
		WatchesRawSource(signal.Source()).
		Named("binding").
		Complete(c)
}

// bindingsOf are the bindings that a CRD matters to: those that own it, and those that could not bring theirs.
func (c *Controller) bindingsOf(ctx context.Context, crd client.Object) []reconcile.Request {
	bindings := &kubebindv1alpha2.APIServiceBindingList{}
	if err := c.client.List(ctx, bindings); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot list bindings")
		return nil
	}
	var out []reconcile.Request
	for i := range bindings.Items {
		b := &bindings.Items[i]
		owned := false
		for _, ref := range crd.GetOwnerReferences() {
			owned = owned || ref.UID == b.UID
		}
		if owned || !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionSchemaInSync) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
		}
	}
	return out
}

// siblingsOf are the bindings that share a resource with one: which of them carries an object depends on the specs of all.
func (c *Controller) siblingsOf(ctx context.Context, o client.Object) []reconcile.Request {
	changed, ok := o.(*kubebindv1alpha2.APIServiceBinding)
	if !ok {
		return nil
	}
	bindings := &kubebindv1alpha2.APIServiceBindingList{}
	if err := c.client.List(ctx, bindings); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot list bindings")
		return nil
	}
	var out []reconcile.Request
	for i := range bindings.Items {
		b := &bindings.Items[i]
		for _, r := range changed.Status.BoundSchemas {
			if b.Name != changed.Name && brought(b, r.GroupResource) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
				break
			}
		}
	}
	return out
}
