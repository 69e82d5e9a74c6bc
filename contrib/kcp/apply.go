// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// applyRaw applies an object server-side. What it does not say stays as others have it.
func applyRaw(ctx context.Context, c client.Client, gvk schema.GroupVersionKind, raw map[string]any) error {
	object := (&unstructured.Unstructured{Object: raw}).DeepCopy()
	object.SetGroupVersionKind(gvk)
	unstructured.RemoveNestedField(object.Object, "status")
	unstructured.RemoveNestedField(object.Object, "metadata", "creationTimestamp")
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), fieldOwner, client.ForceOwnership)
}

// version returns the resource version of an object, or "" if it is not there.
func version(ctx context.Context, c client.Client, obj client.Object) (string, error) {
	have := obj.DeepCopyObject().(client.Object)
	have.SetResourceVersion("")
	err := c.Get(ctx, client.ObjectKeyFromObject(obj), have)
	return have.GetResourceVersion(), client.IgnoreNotFound(err)
}
