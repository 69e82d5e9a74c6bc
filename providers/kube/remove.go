// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Remove implements providers.Tenancy. It reads from the server: what it does not see stays for ever.
//
// The rights go before the fence around them, then copies that lie outside the consumer's own namespaces, then all
// namespaces. The ClusterBinding holds the contract namespace until the others are gone: it is what a second call starts
// from, and what the konnector learns its removal from.
func (p *Provider) Remove(ctx context.Context, place providers.Place) error {
	if place.Cluster != Cluster {
		return multicluster.ErrClusterNotFound
	}
	ns := &corev1.Namespace{}
	err := p.live.Get(ctx, client.ObjectKey{Name: place.Namespace}, ns)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading the contract namespace: %w", err)
	}
	found := err == nil
	if found && ownerOf(ns).Identity == "" {
		return &providers.ForeignError{Object: "Namespace " + ns.Name, Message: "it names no identity"}
	}
	if err := p.removeClusterRights(ctx, place.Namespace); err != nil {
		return err
	}
	if err := p.removeCopies(ctx, place.Namespace); err != nil {
		return err
	}
	going, err := p.removeServiceNamespaces(ctx, place.Namespace)
	if err != nil {
		return err
	}
	if found {
		if err := p.deleteSeen(ctx, ns); err != nil {
			return fmt.Errorf("deleting the contract namespace: %w", err)
		}
		if !going {
			if err := p.letPlaceGo(ctx, place.Namespace); err != nil {
				return err
			}
		}
		going = true
	}
	if going {
		return &providers.NotReadyError{Message: "waiting for the namespaces of the place to end", RetryAfter: retryAfter}
	}
	return nil
}

// letPlaceGo takes the finalizer from the ClusterBinding.
func (p *Provider) letPlaceGo(ctx context.Context, namespace string) error {
	binding := &kubebindv1alpha2.ClusterBinding{}
	err := p.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: kubebindv1alpha2.ClusterBindingName}, binding)
	if apierrors.IsNotFound(err) || err == nil && !slices.Contains(binding.Finalizers, kubebindv1alpha2.PlaceFinalizer) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the ClusterBinding: %w", err)
	}
	before := binding.DeepCopy()
	binding.Finalizers = slices.DeleteFunc(binding.Finalizers, func(f string) bool { return f == kubebindv1alpha2.PlaceFinalizer })
	err = p.client.Patch(ctx, binding, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("letting the ClusterBinding go: %w", err)
	}
	return nil
}

// copiesPage is how many objects are looked at in one request.
const copiesPage = 500

// removeCopies deletes the copies of the consumer's objects that lie outside its own namespaces: cluster-scoped ones, and
// those in namespaces that were the provider's before, claimed objects too. Only the marks count.
func (p *Provider) removeCopies(ctx context.Context, namespace string) error {
	var exported apiextensionsv1.CustomResourceDefinitionList
	if err := p.live.List(ctx, &exported, client.MatchingLabels{kubebindv1alpha2.ExportedLabel: "true"}); err != nil {
		return fmt.Errorf("listing exported CRDs: %w", err)
	}
	var errs []error
	for i := range exported.Items {
		crd := &exported.Items[i]
		if version, ok := servedVersion(crd); ok {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version, Kind: crd.Spec.Names.Kind}
			errs = append(errs, p.removeCopiesOf(ctx, kind, namespace))
		}
	}
	consumers := client.MatchingLabels{kubebindv1alpha2.OwnerLabel: kubebindv1alpha2.OwnerConsumer}
	for _, kind := range []string{"Secret", "ConfigMap", "ServiceAccount"} {
		errs = append(errs, p.removeCopiesOf(ctx, corev1.SchemeGroupVersion.WithKind(kind), namespace, consumers))
	}
	return errors.Join(errs...)
}

func servedVersion(crd *apiextensionsv1.CustomResourceDefinition) (string, bool) {
	for _, v := range crd.Spec.Versions {
		if v.Served {
			return v.Name, true
		}
	}
	return "", false
}

func (p *Provider) removeCopiesOf(ctx context.Context, kind schema.GroupVersionKind, namespace string, opts ...client.ListOption) error {
	list := &metav1.PartialObjectMetadataList{}
	for next := ""; ; {
		list.SetGroupVersionKind(kind)
		err := p.live.List(ctx, list, append(opts, client.Limit(copiesPage), client.Continue(next))...)
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || meta.IsNoMatchError(err) {
			// What the backend may not list it could not let the consumer write either.
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			if object.Annotations[kubebindv1alpha2.ClusterNamespaceAnnotation] != namespace {
				continue
			}
			if err := p.deleteSeen(ctx, object); err != nil {
				return fmt.Errorf("deleting the copy %s: %w", client.ObjectKeyFromObject(object), err)
			}
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

func (p *Provider) removeClusterRights(ctx context.Context, namespace string) error {
	for _, list := range []client.ObjectList{
		&rbacv1.ClusterRoleBindingList{},
		&rbacv1.ClusterRoleList{},
		&admissionregistrationv1.ValidatingAdmissionPolicyBindingList{},
		&admissionregistrationv1.ValidatingAdmissionPolicyList{},
	} {
		if err := p.deleteLabelled(ctx, list, namespace); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) deleteLabelled(ctx context.Context, list client.ObjectList, namespace string) error {
	if err := p.live.List(ctx, list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: namespace}); err != nil {
		return fmt.Errorf("listing %T: %w", list, err)
	}
	var errs []error
	for _, obj := range items(list) {
		if err := p.deleteSeen(ctx, obj); err != nil {
			errs = append(errs, fmt.Errorf("deleting %s: %w", obj.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

// items of the lists that removeClusterRights makes.
func items(list client.ObjectList) []client.Object {
	switch l := list.(type) {
	case *rbacv1.ClusterRoleBindingList:
		return pointers(l.Items)
	case *rbacv1.ClusterRoleList:
		return pointers(l.Items)
	case *admissionregistrationv1.ValidatingAdmissionPolicyBindingList:
		return pointers(l.Items)
	case *admissionregistrationv1.ValidatingAdmissionPolicyList:
		return pointers(l.Items)
	}
	return nil
}

func pointers[E any, T interface {
	*E
	client.Object
}](list []E) []client.Object {
	out := make([]client.Object, 0, len(list))
	for i := range list {
		out = append(out, T(&list[i]))
	}
	return out
}

// removeServiceNamespaces deletes the namespaces that were made for the consumer's objects, and says whether any are
// left. The annotation counts: a label alone is set too easily.
func (p *Provider) removeServiceNamespaces(ctx context.Context, namespace string) (bool, error) {
	var list corev1.NamespaceList
	if err := p.live.List(ctx, &list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: namespace}); err != nil {
		return false, fmt.Errorf("listing the consumer's namespaces: %w", err)
	}
	left := false
	var errs []error
	for i := range list.Items {
		ns := &list.Items[i]
		if !strings.HasPrefix(ns.Annotations[kubebindv1alpha2.APIServiceNamespaceAnnotation], namespace+"/") {
			continue
		}
		left = true
		if err := p.deleteSeen(ctx, ns); err != nil {
			errs = append(errs, fmt.Errorf("deleting the namespace %s: %w", ns.Name, err))
		}
	}
	return left, errors.Join(errs...)
}

// deleteSeen deletes this very object, not one of the same name that came after it.
func (p *Provider) deleteSeen(ctx context.Context, obj client.Object) error {
	if !obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	uid := obj.GetUID()
	return client.IgnoreNotFound(p.client.Delete(ctx, obj, client.Preconditions{UID: &uid}))
}
