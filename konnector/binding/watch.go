// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	return c.those(ctx, func(b *kubebindv1alpha2.APIServiceBinding) bool {
		owns := slices.ContainsFunc(crd.GetOwnerReferences(), func(ref metav1.OwnerReference) bool { return ref.UID == b.UID })
		return owns || !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionSchemaInSync)
	})
}

// siblingsOf are the bindings that share a resource with one: which of them carries an object depends on the specs of all.
func (c *Controller) siblingsOf(ctx context.Context, o client.Object) []reconcile.Request {
	changed, ok := o.(*kubebindv1alpha2.APIServiceBinding)
	if !ok {
		return nil
	}
	return c.those(ctx, func(b *kubebindv1alpha2.APIServiceBinding) bool {
		return b.Name != changed.Name && slices.ContainsFunc(changed.Status.BoundSchemas, func(r kubebindv1alpha2.BoundSchemaReference) bool {
			return brought(b, r.GroupResource)
		})
	})
}

func (c *Controller) those(ctx context.Context, want func(*kubebindv1alpha2.APIServiceBinding) bool) []reconcile.Request {
	bindings := &kubebindv1alpha2.APIServiceBindingList{}
	if err := c.client.List(ctx, bindings); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot list bindings")
		return nil
	}
	var out []reconcile.Request
	for i := range bindings.Items {
		if b := &bindings.Items[i]; want(b) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
		}
	}
	return out
}
