// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
)

// boundSchema returns a BoundSchema, or nil if there is none.
func boundSchema(ctx context.Context, scope loop.Scope, namespace, name string) (*kubebindv1alpha2.BoundSchema, error) {
	out := &kubebindv1alpha2.BoundSchema{}
	if err := scope.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, out); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the BoundSchema %s: %w", name, err)
	}
	return out, nil
}

// usersOf returns the exports that are about resources, of all consumers.
func usersOf(ctx context.Context, scope loop.Scope, about func([]kubebindv1alpha2.ExportedResource) bool) ([]loop.Key, error) {
	return exports(ctx, scope, func(e *kubebindv1alpha2.APIServiceExport) bool { return about(e.Spec.Resources) })
}

// sharersOf returns the exports of the consumer that has a BoundSchema which are for its resource.
func sharersOf(ctx context.Context, scope loop.Scope, schema client.Object) ([]types.NamespacedName, error) {
	return exports(ctx, scope, func(e *kubebindv1alpha2.APIServiceExport) bool {
		for _, r := range e.Spec.Resources {
			if r.ResourceGroupName() == schema.GetName() {
				return true
			}
		}
		return false
	}, client.InNamespace(schema.GetNamespace()))
}

// sharersWith returns the consumer's other exports that may have shared a BoundSchema with one that is gone.
func sharersWith(ctx context.Context, scope loop.Scope, gone client.Object) ([]types.NamespacedName, error) {
	return exports(ctx, scope, func(e *kubebindv1alpha2.APIServiceExport) bool { return e.Name != gone.GetName() }, client.InNamespace(gone.GetNamespace()))
}

func onlyDeletions() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// inPlaceOf returns the exports of the consumer that a provider namespace was made for.
func inPlaceOf(ctx context.Context, scope loop.Scope, namespace client.Object) ([]types.NamespacedName, error) {
	contracts := kubebindv1alpha2.AdoptableBy(namespace)
	if contract, _, found := strings.Cut(namespace.GetAnnotations()[kubebindv1alpha2.APIServiceNamespaceAnnotation], "/"); found {
		contracts = append(contracts, contract)
	}
	var out []types.NamespacedName
	for _, contract := range contracts {
		found, err := exports(ctx, scope, anyExport, client.InNamespace(contract))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func anyExport(*kubebindv1alpha2.APIServiceExport) bool { return true }

// inSamePlace returns the exports of the consumer that an APIServiceNamespace is of.
func inSamePlace(ctx context.Context, scope loop.Scope, wanted client.Object) ([]types.NamespacedName, error) {
	return exports(ctx, scope, anyExport, client.InNamespace(wanted.GetNamespace()))
}

// lentNamespaces returns, sorted, the provider's own namespaces that it lends the consumer and that the consumer asks for.
func lentNamespaces(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport) ([]string, error) {
	if export.Spec.Isolation != kubebindv1alpha2.IsolationNone {
		return nil, nil
	}
	var wanted kubebindv1alpha2.APIServiceNamespaceList
	if err := scope.List(ctx, &wanted, client.InNamespace(export.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the consumer's APIServiceNamespaces: %w", err)
	}
	var out []string
	for i := range wanted.Items {
		if strings.HasPrefix(wanted.Items[i].Name, kubernetesPrefix) {
			continue
		}
		ns := &corev1.Namespace{}
		err := scope.Get(ctx, client.ObjectKey{Name: wanted.Items[i].Name}, ns)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading the namespace %s: %w", wanted.Items[i].Name, err)
		}
		if err == nil && ns.DeletionTimestamp.IsZero() && kubebindv1alpha2.Adoptable(ns, export.Namespace) {
			out = append(out, ns.Name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// kubernetesPrefix starts the names of namespaces that are lent to nobody.
const kubernetesPrefix = "kube-"

func exports(ctx context.Context, scope loop.Scope, wanted func(*kubebindv1alpha2.APIServiceExport) bool, opts ...client.ListOption) ([]types.NamespacedName, error) {
	var list kubebindv1alpha2.APIServiceExportList
	if err := scope.List(ctx, &list, opts...); err != nil {
		return nil, fmt.Errorf("listing exports: %w", err)
	}
	var out []types.NamespacedName
	for i := range list.Items {
		if wanted(&list.Items[i]) {
			out = append(out, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return out, nil
}
