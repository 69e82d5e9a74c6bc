// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Remove implements providers.Tenancy. It reads from the server: what it does not see stays for ever.
//
// The rights go before the fence around them, the namespaces with the consumer's objects before the contract namespace,
// and the contract namespace last, as it is what a second call starts from.
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
	going, err := p.removeServiceNamespaces(ctx, place.Namespace)
	if err != nil {
		return err
	}
	if found {
		going = true
		if err := p.deleteSeen(ctx, ns); err != nil {
			return fmt.Errorf("deleting the contract namespace: %w", err)
		}
	}
	if going {
		return &providers.NotReadyError{Message: "waiting for the namespaces of the place to end", RetryAfter: retryAfter}
	}
	return nil
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
