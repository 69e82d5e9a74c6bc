// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"context"
	"errors"
	"fmt"
	"maps"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Apply makes what is there of an export's rights what is desired: first what is missing or different is written, then
// what is too much is deleted. Objects of the same name that were not made for this export are left alone, and an error.
// The cache of c must hold all objects with the label ContractNamespaceLabel; live reads what the cache does not have.
func Apply(ctx context.Context, c client.Client, live client.Reader, export types.NamespacedName, desired []client.Object) error {
	for _, want := range desired {
		if err := write(ctx, c, live, want); err != nil {
			return fmt.Errorf("granting with %T %s: %w", want, client.ObjectKeyFromObject(want), err)
		}
	}
	return Prune(ctx, c, export, desired)
}

// Prune deletes all rights of an export except those to keep, the fence last.
func Prune(ctx context.Context, c client.Client, export types.NamespacedName, keep []client.Object) error {
	kept := map[string]bool{}
	for _, obj := range keep {
		kept[identify(obj)] = true
	}
	found, err := list(ctx, c, Labels(export))
	if err != nil {
		return err
	}
	var errs []error
	for _, obj := range found {
		if owner, ok := ExportOf(obj); kept[identify(obj)] || !ok || owner != export {
			continue
		}
		if err := remove(ctx, c, obj); err != nil {
			errs = append(errs, fmt.Errorf("revoking %T %s: %w", obj, client.ObjectKeyFromObject(obj), err))
		}
	}
	return errors.Join(errs...)
}

func identify(obj client.Object) string {
	return fmt.Sprintf("%T %s", obj, client.ObjectKeyFromObject(obj))
}

// list returns all objects with these labels, in the order in which to delete them.
func list(ctx context.Context, c client.Client, with client.MatchingLabels) ([]client.Object, error) {
	var (
		clusterBindings rbacv1.ClusterRoleBindingList
		clusterRoles    rbacv1.ClusterRoleList
		bindings        rbacv1.RoleBindingList
		roles           rbacv1.RoleList
		fenceBindings   admissionregistrationv1.ValidatingAdmissionPolicyBindingList
		fences          admissionregistrationv1.ValidatingAdmissionPolicyList
	)
	for _, l := range []client.ObjectList{&clusterBindings, &clusterRoles, &bindings, &roles, &fenceBindings, &fences} {
		if err := c.List(ctx, l, with); err != nil {
			return nil, fmt.Errorf("listing %T: %w", l, err)
		}
	}
	out := pointers(clusterBindings.Items)
	out = append(out, pointers(clusterRoles.Items)...)
	out = append(out, pointers(bindings.Items)...)
	out = append(out, pointers(roles.Items)...)
	out = append(out, pointers(fenceBindings.Items)...)
	return append(out, pointers(fences.Items)...), nil
}

func pointers[E any, T interface {
	*E
	client.Object
}](items []E) []client.Object {
	out := make([]client.Object, 0, len(items))
	for i := range items {
		out = append(out, T(&items[i]))
	}
	return out
}

func write(ctx context.Context, c client.Client, live client.Reader, want client.Object) error {
	have := empty(want)
	err := c.Get(ctx, client.ObjectKeyFromObject(want), have)
	if apierrors.IsNotFound(err) {
		if err = create(ctx, c, want); !apierrors.IsAlreadyExists(err) {
			return err
		}
		err = live.Get(ctx, client.ObjectKeyFromObject(want), have)
	}
	if err != nil {
		return err
	}
	owner, ok := ExportOf(have)
	if wanted, _ := ExportOf(want); !ok || owner != wanted {
		return errors.New("an object of this name exists that was not made for this export")
	}
	if same(want, have) {
		return nil
	}
	if !sameRole(want, have) {
		if err := remove(ctx, c, have); err != nil {
			return err
		}
		return create(ctx, c, want)
	}
	changed := want.DeepCopyObject().(client.Object)
	changed.SetResourceVersion(have.GetResourceVersion())
	changed.SetLabels(merge(have.GetLabels(), want.GetLabels()))
	changed.SetAnnotations(merge(have.GetAnnotations(), want.GetAnnotations()))
	return c.Update(ctx, changed)
}

// merge keeps what others have written beside ours.
func merge(theirs, ours map[string]string) map[string]string {
	out := maps.Clone(theirs)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, ours)
	return out
}

func subset(ours, all map[string]string) bool {
	for k, v := range ours {
		if got, found := all[k]; !found || got != v {
			return false
		}
	}
	return true
}

func create(ctx context.Context, c client.Client, want client.Object) error {
	return c.Create(ctx, want.DeepCopyObject().(client.Object))
}

// remove deletes this very object, not one of the same name that came after it.
func remove(ctx context.Context, c client.Client, obj client.Object) error {
	uid := obj.GetUID()
	return client.IgnoreNotFound(c.Delete(ctx, obj, client.Preconditions{UID: &uid}))
}

func empty(obj client.Object) client.Object {
	switch obj.(type) {
	case *rbacv1.Role:
		return &rbacv1.Role{}
	case *rbacv1.RoleBinding:
		return &rbacv1.RoleBinding{}
	case *rbacv1.ClusterRole:
		return &rbacv1.ClusterRole{}
	case *rbacv1.ClusterRoleBinding:
		return &rbacv1.ClusterRoleBinding{}
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		return &admissionregistrationv1.ValidatingAdmissionPolicy{}
	default:
		return &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	}
}

// same tells whether b says what a, of the same kind, asks for.
func same(a, b client.Object) bool {
	if !subset(a.GetLabels(), b.GetLabels()) || !subset(a.GetAnnotations(), b.GetAnnotations()) {
		return false
	}
	switch a := a.(type) {
	case *rbacv1.Role:
		return equalSpec(a.Rules, b.(*rbacv1.Role).Rules)
	case *rbacv1.RoleBinding:
		return equalSpec(a.Subjects, b.(*rbacv1.RoleBinding).Subjects) && sameRole(a, b)
	case *rbacv1.ClusterRole:
		return equalSpec(a.Rules, b.(*rbacv1.ClusterRole).Rules) && b.(*rbacv1.ClusterRole).AggregationRule == nil
	case *rbacv1.ClusterRoleBinding:
		return equalSpec(a.Subjects, b.(*rbacv1.ClusterRoleBinding).Subjects) && sameRole(a, b)
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		return equalSpec(a.Spec, b.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec)
	case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
		return equalSpec(a.Spec, b.(*admissionregistrationv1.ValidatingAdmissionPolicyBinding).Spec)
	}
	return false
}

// sameRole is false for two bindings of different roles, which is what cannot be changed about a binding.
func sameRole(a, b client.Object) bool {
	switch a := a.(type) {
	case *rbacv1.RoleBinding:
		return a.RoleRef == b.(*rbacv1.RoleBinding).RoleRef
	case *rbacv1.ClusterRoleBinding:
		return a.RoleRef == b.(*rbacv1.ClusterRoleBinding).RoleRef
	}
	return true
}
