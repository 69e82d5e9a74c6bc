// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
)

// Grant lets the consumer of a contract namespace ask for what a template offers. Whether it may have it was decided before.
func Grant(ctx context.Context, scope loop.Scope, namespace, template string) error {
	binding := &kubebindv1alpha2.ClusterBinding{}
	key := client.ObjectKey{Namespace: namespace, Name: kubebindv1alpha2.ClusterBindingName}
	if err := scope.Live.Get(ctx, key, binding); err != nil {
		return fmt.Errorf("reading the ClusterBinding: %w", err)
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
