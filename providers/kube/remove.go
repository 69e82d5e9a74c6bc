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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Remove is that of providers.Tenancy, for a contract namespace. It reads from the server: what it does not see stays for ever.
//
// The rights go before the fence around them, then copies, then all namespaces. The ClusterBinding holds the contract
// namespace until all else is gone: it is what a further call starts from, what the konnector learns its removal from, and
// where the provider reads what holds it up. The contract namespace itself stays until all copies could be looked for,
// because its exports say where.
func (p *Places) Remove(ctx context.Context, namespace string) error {
	ns := &corev1.Namespace{}
	err := p.live.Get(ctx, client.ObjectKey{Name: namespace}, ns)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading the contract namespace: %w", err)
	}
	found := err == nil
	if found && ownerOf(ns).Identity == "" {
		return &providers.ForeignError{Object: "Namespace " + ns.Name, Message: "it names no identity"}
	}
	if err := p.removeRights(ctx, namespace); err != nil {
		return err
	}
	left := &rest{}
	// Copies that cannot be removed do not keep the rest.
	if err := errors.Join(p.removeCopies(ctx, namespace, left), p.removeServiceNamespaces(ctx, namespace, left)); err != nil {
		return err
	}
	if found {
		if err := p.removeContract(ctx, ns, left); err != nil {
			return err
		}
	}
	return left.waiting(ns)
}

// removeContract deletes the contract namespace, and lets it go once nothing else is left. That is never in the call that
// deletes it: what the konnector wrote while its rights were taken away is seen by the next one.
func (p *Places) removeContract(ctx context.Context, ns *corev1.Namespace, left *rest) error {
	if !ns.DeletionTimestamp.IsZero() && left.count == 0 {
		if err := p.last(ctx); err != nil {
			return err
		}
		if err := p.letPlaceGo(ctx, ns.Name); err != nil {
			return err
		}
	}
	left.add("Namespace " + ns.Name)
	if err := p.deleteSeen(ctx, ns); err != nil {
		return fmt.Errorf("deleting the contract namespace: %w", err)
	}
	return nil
}

// letPlaceGo takes the finalizer from the ClusterBinding.
func (p *Places) letPlaceGo(ctx context.Context, namespace string) error {
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
	// The namespace controller deletes it at this time. The call that follows looks again.
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("letting the ClusterBinding go: %w", err)
	}
	return nil
}

// removeRights takes all rights on objects, wherever they lie. Those in the contract namespace go with it: by them the
// konnector learns of its removal.
func (p *Places) removeRights(ctx context.Context, namespace string) error {
	for _, list := range []client.ObjectList{
		&rbacv1.ClusterRoleBindingList{},
		&rbacv1.ClusterRoleList{},
		&rbacv1.RoleBindingList{},
		&rbacv1.RoleList{},
		&admissionregistrationv1.ValidatingAdmissionPolicyBindingList{},
		&admissionregistrationv1.ValidatingAdmissionPolicyList{},
	} {
		if err := p.deleteLabelled(ctx, list, namespace); err != nil {
			return err
		}
	}
	return nil
}

func (p *Places) deleteLabelled(ctx context.Context, list client.ObjectList, namespace string) error {
	if err := p.live.List(ctx, list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: namespace}); err != nil {
		return fmt.Errorf("listing %T: %w", list, err)
	}
	var errs []error
	for _, obj := range items(list) {
		if obj.GetNamespace() == namespace {
			continue
		}
		if err := p.deleteSeen(ctx, obj); err != nil {
			errs = append(errs, fmt.Errorf("deleting %s: %w", obj.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

// items of the lists that removeRights makes.
func items(list client.ObjectList) []client.Object {
	switch l := list.(type) {
	case *rbacv1.ClusterRoleBindingList:
		return pointers(l.Items)
	case *rbacv1.ClusterRoleList:
		return pointers(l.Items)
	case *rbacv1.RoleBindingList:
		return pointers(l.Items)
	case *rbacv1.RoleList:
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

// removeServiceNamespaces deletes the namespaces that were made for the consumer's objects. The annotation counts: a label
// alone is set too easily.
func (p *Places) removeServiceNamespaces(ctx context.Context, namespace string, left *rest) error {
	var list corev1.NamespaceList
	if err := p.live.List(ctx, &list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: namespace}); err != nil {
		return fmt.Errorf("listing the consumer's namespaces: %w", err)
	}
	var errs []error
	for i := range list.Items {
		ns := &list.Items[i]
		if !strings.HasPrefix(ns.Annotations[kubebindv1alpha2.APIServiceNamespaceAnnotation], namespace+"/") {
			continue
		}
		left.add("Namespace " + ns.Name)
		if err := p.deleteSeen(ctx, ns); err != nil {
			errs = append(errs, fmt.Errorf("deleting the namespace %s: %w", ns.Name, err))
		}
	}
	return errors.Join(errs...)
}

// deleteSeen deletes this very object, not one of the same name that came after it.
func (p *Places) deleteSeen(ctx context.Context, obj client.Object) error {
	return deleteSeen(ctx, p.client, obj)
}

func deleteSeen(ctx context.Context, writer client.Writer, obj client.Object) error {
	if !obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	uid := obj.GetUID()
	return client.IgnoreNotFound(writer.Delete(ctx, obj, client.Preconditions{UID: &uid}))
}
