// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// copiesPage is how many objects are looked at in one request.
const copiesPage = 500

// removeCopies deletes the copies of the consumer's objects, also those that lie outside its own namespaces:
// cluster-scoped ones, and those in namespaces that were the provider's before; claimed objects too. Only the marks count.
// What the provider's finalizers hold is left.
func (p *Places) removeCopies(ctx context.Context, namespace string, left *rest) error {
	if p.exclusive {
		return nil
	}
	kinds, err := p.copiedKinds(ctx, namespace)
	if err != nil {
		return err
	}
	var errs []error
	for _, kind := range kinds {
		errs = append(errs, p.removeCopiesOf(ctx, kind, namespace, left))
	}
	return errors.Join(errs...)
}

// copiedKind is a kind of which the consumer may have copies.
type copiedKind struct {
	schema.GroupVersionKind
	// bound says that an export of the consumer's gives rights on objects of this kind. Of others there can be copies by an
	// export that was withdrawn.
	bound bool
	// claimable objects are not all the consumer's copies: the owner label says which.
	claimable bool
}

// copiedKinds are those of all exported CRDs, those of the consumer's exports, and what can be claimed.
func (p *Places) copiedKinds(ctx context.Context, namespace string) ([]copiedKind, error) {
	var exports kubebindv1alpha2.APIServiceExportList
	if err := p.live.List(ctx, &exports, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing the consumer's exports: %w", err)
	}
	bound := map[string]bool{}
	claimed := map[string]bool{}
	for i := range exports.Items {
		for _, r := range exports.Items[i].Spec.Resources {
			bound[r.ResourceGroupName()] = true
		}
		for _, claim := range exports.Items[i].Spec.PermissionClaims {
			selects := claim.Selector.LabelSelector != nil || len(claim.Selector.NamedResources)+len(claim.Selector.References) > 0
			claimed[claim.GroupResource.String()] = claimed[claim.GroupResource.String()] || selects
		}
	}
	out, err := p.crdKinds(ctx, bound)
	if err != nil {
		return nil, err
	}
	for resource, kind := range map[string]string{"configmaps": "ConfigMap", "secrets": "Secret", "serviceaccounts": "ServiceAccount"} {
		out = append(out, copiedKind{corev1.SchemeGroupVersion.WithKind(kind), claimed[resource], true})
	}
	return out, nil
}

// crdKinds are those of exported CRDs, and of bound ones that are not offered any more.
func (p *Places) crdKinds(ctx context.Context, bound map[string]bool) ([]copiedKind, error) {
	var offered apiextensionsv1.CustomResourceDefinitionList
	if err := p.live.List(ctx, &offered, client.MatchingLabels{kubebindv1alpha2.ExportedLabel: "true"}); err != nil {
		return nil, fmt.Errorf("listing exported CRDs: %w", err)
	}
	var out []copiedKind
	add := func(crd *apiextensionsv1.CustomResourceDefinition) {
		if version, ok := servedVersion(crd); ok {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version, Kind: crd.Spec.Names.Kind}
			out = append(out, copiedKind{GroupVersionKind: kind, bound: bound[crd.Name]})
		}
		delete(bound, crd.Name)
	}
	for i := range offered.Items {
		add(&offered.Items[i])
	}
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		err := p.live.Get(ctx, client.ObjectKey{Name: name}, crd)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading the CRD %s: %w", name, err)
		}
		if err == nil {
			add(crd)
		}
	}
	return out, nil
}

func servedVersion(crd *apiextensionsv1.CustomResourceDefinition) (string, bool) {
	for _, v := range crd.Spec.Versions {
		if v.Served {
			return v.Name, true
		}
	}
	return "", false
}

func (p *Places) removeCopiesOf(ctx context.Context, kind copiedKind, namespace string, left *rest) error {
	at := p.direct
	if kind.claimable {
		at = p.served()
	}
	list := &metav1.PartialObjectMetadataList{}
	for next := ""; ; {
		list.SetGroupVersionKind(kind.GroupVersionKind)
		err := at.List(ctx, list, client.Limit(copiesPage), client.Continue(next))
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) || !kind.bound && apierrors.IsForbidden(err) {
			// What the backend may not list it could not let the consumer write either, unless it did so before.
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for copies of the consumer's: listing %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			if object := &list.Items[i]; kind.copied(object, namespace) {
				if err := p.removeCopy(ctx, at, kind.Kind, object, left); err != nil {
					return err
				}
			}
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

// copied says whether an object is a copy that the consumer of a contract namespace owns. What it gave to the provider is
// the provider's.
func (k copiedKind) copied(object metav1.Object, namespace string) bool {
	return object.GetAnnotations()[kubebindv1alpha2.ClusterNamespaceAnnotation] == namespace &&
		(!k.claimable || object.GetLabels()[kubebindv1alpha2.OwnerLabel] != kubebindv1alpha2.OwnerProvider)
}

func (p *Places) removeCopy(ctx context.Context, at client.Writer, kind string, object *metav1.PartialObjectMetadata, left *rest) error {
	name := kind + " " + strings.TrimPrefix(client.ObjectKeyFromObject(object).String(), "/")
	if held := object.Finalizers; len(held) > 0 {
		left.add(fmt.Sprintf("%s (held by %s)", name, strings.Join(held, ", ")))
	}
	if err := deleteSeen(ctx, at, object); err != nil {
		return fmt.Errorf("deleting the copy %s: %w", name, err)
	}
	return nil
}
