// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"
)

// Fence returns a reconciler that works on logical clusters of this replica only, and whose work ends before another one's
// begins. What it drops is of no concern to this replica: whoever works on a logical cluster begins by looking at everything
// in it. Without a fence what waits in queues and for its time would go on.
func (c *Coordinator) Fence(within mcreconcile.Reconciler) mcreconcile.Reconciler {
	return fenced{within, c}
}

type fenced struct {
	within      mcreconcile.Reconciler
	coordinator *Coordinator
}

// Reconcile implements mcreconcile.Reconciler.
func (f fenced) Reconcile(ctx context.Context, req mcreconcile.Request) (ctrl.Result, error) {
	inner, leave, ours := f.coordinator.enter(ctx, req.ClusterName)
	if !ours {
		return ctrl.Result{}, nil
	}
	defer leave()
	result, err := f.within.Reconcile(inner, req)
	if inner.Err() != nil && ctx.Err() == nil {
		return ctrl.Result{}, nil // it has been taken away meanwhile
	}
	return result, err
}
