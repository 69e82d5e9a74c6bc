// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
)

// Ends tells whether the contract namespace or the ClusterBinding in it is being deleted: nothing is given to the
// consumer, and nothing made for it, any more then.
func Ends(ctx context.Context, scope loop.Scope, namespace string) (bool, error) {
	ns := &corev1.Namespace{}
	if err := scope.Get(ctx, client.ObjectKey{Name: namespace}, ns); apierrors.IsNotFound(err) {
		return true, nil
	} else if err != nil {
		return false, fmt.Errorf("reading the contract namespace: %w", err)
	}
	place := &kubebindv1alpha2.ClusterBinding{}
	err := scope.Get(ctx, client.ObjectKey{Namespace: namespace, Name: kubebindv1alpha2.ClusterBindingName}, place)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading the ClusterBinding: %w", err)
	}
	return !ns.DeletionTimestamp.IsZero() || !place.DeletionTimestamp.IsZero(), nil
}
