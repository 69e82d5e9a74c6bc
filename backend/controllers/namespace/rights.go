// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/grants"
	"kube-bind.io/kube-bind/backend/loop"
)

// rightsMissing names the exports whose rights in a namespace are still awaited. An export that is not in sync is not
// waited for: its consumer does not start with it, and one that fails must not hold up the others.
func rightsMissing(ctx context.Context, scope loop.Scope, exports []kubebindv1alpha2.APIServiceExport, namespace string) ([]string, error) {
	var out []string
	for i := range exports {
		export := &exports[i]
		if !kubebindv1alpha2.IsTrue(export.Status.Conditions, kubebindv1alpha2.ConditionProviderInSync) || !export.DeletionTimestamp.IsZero() {
			continue
		}
		needed, err := needsRights(ctx, scope, export)
		if err != nil {
			return nil, err
		}
		if !needed {
			continue
		}
		key := client.ObjectKey{Namespace: namespace, Name: grants.NamespacedRoleName(client.ObjectKeyFromObject(export))}
		if err := scope.Get(ctx, key, &rbacv1.RoleBinding{}); apierrors.IsNotFound(err) {
			out = append(out, export.Name)
		} else if err != nil {
			return nil, fmt.Errorf("reading the RoleBinding of %s: %w", export.Name, err)
		}
	}
	return out, nil
}

// needsRights tells whether an export has objects in the consumer's namespaces at all.
func needsRights(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport) (bool, error) {
	if grants.OnClaimed(export.Spec.PermissionClaims) {
		return true, nil
	}
	if export.Spec.Isolation == kubebindv1alpha2.IsolationNamespaced {
		return false, nil
	}
	var schemas []kubebindv1alpha2.BoundSchema
	for _, r := range export.Spec.Resources {
		var schema kubebindv1alpha2.BoundSchema
		err := scope.Get(ctx, client.ObjectKey{Namespace: export.Namespace, Name: r.ResourceGroupName()}, &schema)
		if err == nil {
			schemas = append(schemas, schema)
		} else if !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("reading the BoundSchema of %s: %w", r.GroupResource.String(), err)
		}
	}
	for _, r := range grants.Resources(export.Spec.Isolation, schemas) {
		if r.Namespaced {
			return true, nil
		}
	}
	return false, nil
}
