// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// settling is how long a workspace that was just made may take until its APIs and its maker's rights are there.
const settling = 15 * time.Second

// apply makes an object of kube-bind's workspace what it should be.
func (i *initializer) apply(ctx context.Context, c client.Client, obj client.Object) error {
	want, err := i.encode(obj)
	if err != nil {
		return err
	}
	what := want.GetKind() + " " + want.GetName()
	began := time.Now()
	return i.until(ctx, "the "+what+" to be taken", func(ctx context.Context) (string, error) {
		written, err := applyChanged(ctx, c, want)
		switch {
		case err == nil && written:
			i.opts.Report("applied the %s in %s", what, i.path)
			return "", nil
		case err == nil:
			return "", nil
		case apierrors.IsConflict(err) || i.fresh && unsettled(err) && time.Since(began) < settling:
			return err.Error(), nil
		case apierrors.IsForbidden(err):
			return "", fmt.Errorf("applying the %s: %w; the user of the kubeconfig has to be an administrator of the workspace %s", what, err, i.path)
		}
		return "", fmt.Errorf("applying the %s in the workspace %s: %w", what, i.path, err)
	})
}

// unsettled tells whether an error may be due to the age of a workspace.
func unsettled(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsNotFound(err)
}

// encode returns an object as it is applied: what it does not say stays as others have it.
func (i *initializer) encode(obj client.Object) (*unstructured.Unstructured, error) {
	gvk, err := apiutil.GVKForObject(obj, i.scheme)
	if err != nil {
		return nil, fmt.Errorf("finding out the kind of a %T: %w", obj, err)
	}
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("encoding the %s %s: %w", gvk.Kind, obj.GetName(), err)
	}
	out := &unstructured.Unstructured{Object: raw}
	out.SetGroupVersionKind(gvk)
	unstructured.RemoveNestedField(out.Object, "status")
	unstructured.RemoveNestedField(out.Object, "metadata", "creationTimestamp")
	return out, nil
}

// applyChanged applies an object server-side if it is not there or not what it should be. What is equal is not written: kcp 0.31
// stores an object anew the first time that it is written after it was made, though nothing in it changes.
func applyChanged(ctx context.Context, c client.Client, want *unstructured.Unstructured) (written bool, err error) {
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(want.GroupVersionKind())
	err = c.Get(ctx, client.ObjectKeyFromObject(want), have)
	if client.IgnoreNotFound(err) != nil {
		return false, err
	}
	if err == nil {
		if err := belongs(have.GetKind(), have); err != nil {
			return false, err
		}
		then := want.DeepCopy()
		if err := applyRaw(ctx, c, then, client.DryRunAll); err != nil {
			return false, err
		}
		if equal(have, then) {
			return false, nil
		}
	}
	return true, applyRaw(ctx, c, want.DeepCopy())
}

func applyRaw(ctx context.Context, c client.Client, obj *unstructured.Unstructured, opts ...client.ApplyOption) error {
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), append(opts, fieldOwner, client.ForceOwnership)...)
}

// equal tells whether two versions of an object differ in nothing but in who wrote it, and when.
func equal(a, b *unstructured.Unstructured) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, obj := range []*unstructured.Unstructured{a, b} {
		obj.SetManagedFields(nil)
		obj.SetResourceVersion("")
		obj.SetGeneration(0)
	}
	return equality.Semantic.DeepEqual(a.Object, b.Object)
}

// belongs refuses what is there and was not made by kcp-init: whoever made it may count on it as it is, and may be allowed more
// there than anybody should be.
func belongs(kind string, obj client.Object) error {
	if slices.ContainsFunc(obj.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == string(fieldOwner) }) {
		return nil
	}
	return fmt.Errorf("the %s %s is there, and kcp-init has not made it: remove it, or choose another --workspace", kind, obj.GetName())
}
