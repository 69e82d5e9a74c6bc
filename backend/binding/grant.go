// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// removalPause is how long to wait for a place that is being removed.
const removalPause = 200 * time.Millisecond

// Grant lets the consumer of a contract namespace ask for what a template offers. Whether it may have it was decided before.
// Of a place that is being removed, which caches may not know yet, the error is a providers.NotReadyError: nobody is to be
// given its credential.
func Grant(ctx context.Context, scope loop.Scope, namespace, template string) error {
	// Right after it was made, the place's own controller writes to it as well.
	return retry.RetryOnConflict(retry.DefaultRetry, func() error { return tryGrant(ctx, scope, namespace, template) })
}

func tryGrant(ctx context.Context, scope loop.Scope, namespace, template string) error {
	binding := &kubebindv1alpha2.ClusterBinding{}
	key := client.ObjectKey{Namespace: namespace, Name: kubebindv1alpha2.ClusterBindingName}
	if err := scope.Live.Get(ctx, key, binding); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the ClusterBinding: %w", err)
	} else if err != nil || !binding.DeletionTimestamp.IsZero() {
		return &providers.NotReadyError{Message: "the place is being removed", RetryAfter: removalPause}
	}
	before := binding.DeepCopy()
	changed, err := catalog.Grant(binding, template)
	if err != nil || !changed {
		return err
	}
	if err := scope.Patch(ctx, binding, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("granting the template: %w", err)
	}
	return nil
}
