// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/schema"
)

// members are the bindings of a resource: the owners of its CRD, and those that say they brought it. The latter counts
// while the garbage collector takes a binding that is being deleted from the owners, before its objects are gone.
func members(crd *apiextensionsv1.CustomResourceDefinition, name kubebindv1alpha2.GroupResource, bindings []kubebindv1alpha2.APIServiceBinding) []*kubebindv1alpha2.APIServiceBinding {
	out := schema.Owners(crd, bindings)
	for i := range bindings {
		b := &bindings[i]
		owner := slices.ContainsFunc(out, func(o *kubebindv1alpha2.APIServiceBinding) bool { return o.UID == b.UID })
		if !owner && brought(b, name) {
			out = append(out, b)
		}
	}
	return out
}

// brought says whether a binding says that it brought a resource.
func brought(b *kubebindv1alpha2.APIServiceBinding, name kubebindv1alpha2.GroupResource) bool {
	return slices.ContainsFunc(b.Status.BoundSchemas, func(r kubebindv1alpha2.BoundSchemaReference) bool {
		return r.GroupResource.GroupResource() == name.GroupResource()
	})
}

// tableOf says which of the members carries an object.
func tableOf(members []*kubebindv1alpha2.APIServiceBinding) routing.Table {
	var out []routing.Member
	for _, b := range members {
		out = append(out, routing.Member{Binding: b.Name, Provider: b.Provider(), Default: b.Spec.DefaultProvider, Leaving: b.DeletionTimestamp != nil})
	}
	return routing.Of(out...)
}

// bindings are all there are. One that owns a CRD and is not in the cache is asked for: it may be newer than the cache.
func (c *Controller) bindings(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) ([]kubebindv1alpha2.APIServiceBinding, error) {
	list := &kubebindv1alpha2.APIServiceBindingList{}
	if err := c.client.List(ctx, list); err != nil {
		return nil, fmt.Errorf("listing bindings: %w", err)
	}
	if crd == nil {
		return list.Items, nil
	}
	for _, ref := range crd.OwnerReferences {
		known := slices.ContainsFunc(list.Items, func(b kubebindv1alpha2.APIServiceBinding) bool { return b.UID == ref.UID })
		if known || !isBinding(ref) {
			continue
		}
		b, err := get(ctx, c.live, client.ObjectKey{Name: ref.Name}, &kubebindv1alpha2.APIServiceBinding{})
		if err != nil {
			return nil, err
		}
		if b != nil && b.UID == ref.UID {
			list.Items = append(list.Items, *b)
		}
	}
	return list.Items, nil
}

func isBinding(ref metav1.OwnerReference) bool {
	return ref.Kind == "APIServiceBinding" && ref.APIVersion == kubebindv1alpha2.GroupVersion.String()
}

// claimants are the resources that bindings claimed when they last said so.
func claimants(bindings []kubebindv1alpha2.APIServiceBinding) map[string]sets.Set[runtimeschema.GroupResource] {
	out := map[string]sets.Set[runtimeschema.GroupResource]{}
	for i := range bindings {
		resources := sets.New[runtimeschema.GroupResource]()
		for _, claim := range bindings[i].Status.PermissionClaims {
			resources.Insert(claim.GroupResource.GroupResource())
		}
		out[bindings[i].Name] = resources
	}
	return out
}
