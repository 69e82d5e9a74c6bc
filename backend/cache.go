// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// cacheOptions keep everything out of the cache that is not kube-bind's: of Secrets, RBAC and admission policies only
// those of places and exports, of CRDs only those offered.
func cacheOptions() cache.Options {
	ours := cache.ByObject{Label: labels.NewSelector().Add(exists(kubebindv1alpha2.ContractNamespaceLabel))}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:             ours,
			&corev1.ServiceAccount{}:     ours,
			&rbacv1.Role{}:               ours,
			&rbacv1.RoleBinding{}:        ours,
			&rbacv1.ClusterRole{}:        ours,
			&rbacv1.ClusterRoleBinding{}: ours,
			&admissionregistrationv1.ValidatingAdmissionPolicy{}:        ours,
			&admissionregistrationv1.ValidatingAdmissionPolicyBinding{}: ours,
			&apiextensionsv1.CustomResourceDefinition{}: {
				Label: labels.SelectorFromSet(labels.Set{kubebindv1alpha2.ExportedLabel: kubebindv1alpha2.Exported}),
			},
		},
	}
}

func exists(key string) labels.Requirement {
	// The key is a constant that is a valid one, which a test sees to.
	requirement, _ := labels.NewRequirement(key, selection.Exists, nil)
	return *requirement
}

// watched are the kinds that controllers watch in every logical cluster, besides those that schemas come from.
func watched() []client.Object {
	return []client.Object{
		&kubebindv1alpha2.APIServiceExport{},
		&kubebindv1alpha2.APIServiceExportRequest{},
		&kubebindv1alpha2.APIServiceExportTemplate{},
		&kubebindv1alpha2.APIServiceNamespace{},
		&kubebindv1alpha2.BindableResourcesRequest{},
		&kubebindv1alpha2.BoundSchema{},
		&kubebindv1alpha2.ClusterBinding{},
		&kubebindv1alpha2.Collection{},
		&corev1.Namespace{},
		&corev1.Secret{},
		&corev1.ServiceAccount{},
		&rbacv1.Role{},
		&rbacv1.RoleBinding{},
		&rbacv1.ClusterRole{},
		&rbacv1.ClusterRoleBinding{},
		&admissionregistrationv1.ValidatingAdmissionPolicy{},
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{},
	}
}

// warm has the cache of a plain cluster read everything that the controllers watch while it waits for the lease. Engaging
// a cluster waits for one kind after the other, which without this takes seconds.
func warm(ctx context.Context, c cache.Cache) error {
	for _, obj := range append(watched(), &apiextensionsv1.CustomResourceDefinition{}) {
		if _, err := c.GetInformer(ctx, obj, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching %T: %w", obj, err)
		}
	}
	return nil
}
