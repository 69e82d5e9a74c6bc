// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SameName is for kinds whose objects are called like those they concern, in the same namespace.
func SameName(_ context.Context, _ Scope, obj client.Object) ([]types.NamespacedName, error) {
	return []types.NamespacedName{client.ObjectKeyFromObject(obj)}, nil
}

// Keyed makes a Watch.Keys of a function that needs nothing but the object.
func Keyed(key func(obj client.Object) (types.NamespacedName, bool)) func(context.Context, Scope, client.Object) ([]types.NamespacedName, error) {
	return func(_ context.Context, _ Scope, obj client.Object) ([]types.NamespacedName, error) {
		if name, ok := key(obj); ok {
			return []types.NamespacedName{name}, nil
		}
		return nil, nil
	}
}
