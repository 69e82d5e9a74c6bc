// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// signalDelay lets news of one binding that come together be one reconcile.
const signalDelay = 100 * time.Millisecond

// Signal wakes the controller for a binding. It can be given away before there is a controller.
type Signal struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Changed wakes the controller for a binding. It does not block; before the controller runs it does nothing, since all
// bindings are looked at then anyway.
func (s *Signal) Changed(binding string) {
	s.mu.Lock()
	queue := s.queue
	s.mu.Unlock()
	if queue != nil {
		queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: binding}}, signalDelay)
	}
}

func (s *Signal) start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = queue
	return nil
}

// register watches bindings, the metadata of CRDs, since a CRD in full can have half a megabyte, and the signal.
func (c *Controller) register(mgr ctrl.Manager, signal *Signal) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&kubebindv1alpha2.APIServiceBinding{}).
		WatchesMetadata(&apiextensionsv1.CustomResourceDefinition{}, handler.EnqueueRequestsFromMapFunc(c.bindingsOf)).
		WatchesRawSource(source.Func(signal.start)).
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
