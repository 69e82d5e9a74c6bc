// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Owners are the bindings that a CRD is there for, the one whose schema it has in front. Bindings that are not among the
// given ones are gone, and own nothing. A binding that was made again under the same name is another one.
func Owners(crd *apiextensionsv1.CustomResourceDefinition, bindings []kubebindv1alpha2.APIServiceBinding) []*kubebindv1alpha2.APIServiceBinding {
	if crd == nil {
		return nil
	}
	var out []*kubebindv1alpha2.APIServiceBinding
	for _, ref := range crd.OwnerReferences {
		i := slices.IndexFunc(bindings, func(b kubebindv1alpha2.APIServiceBinding) bool { return b.UID == ref.UID })
		switch {
		case i < 0:
		case ptr.Deref(ref.Controller, false):
			out = slices.Insert(out, 0, &bindings[i])
		default:
			out = append(out, &bindings[i])
		}
	}
	return out
}

// Ours returns the CRD if it is there for this very binding, and nil else.
func Ours(crd *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) *apiextensionsv1.CustomResourceDefinition {
	if crd == nil || !refersTo(crd.OwnerReferences, owner.UID) {
		return nil
	}
	return crd
}

// Left is the CRD without a binding, for the others.
func Left(crd *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) *apiextensionsv1.CustomResourceDefinition {
	out := crd.DeepCopy()
	out.OwnerReferences = slices.DeleteFunc(out.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == owner.UID })
	return out
}

func refersTo(refs []metav1.OwnerReference, uid types.UID) bool {
	return slices.ContainsFunc(refs, func(ref metav1.OwnerReference) bool { return ref.UID == uid })
}

// leading are the references of a CRD whose first owner is this one: no other may be its controller.
func leading(crd *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) []metav1.OwnerReference {
	out := []metav1.OwnerReference{reference(owner, true)}
	for _, ref := range crd.OwnerReferences {
		if ref.UID != owner.UID {
			ref.Controller = nil
			out = append(out, ref)
		}
	}
	return out
}

func leads(crd *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) bool {
	controller := metav1.GetControllerOfNoCopy(crd)
	return controller != nil && controller.UID == owner.UID
}

func reference(owner *kubebindv1alpha2.APIServiceBinding, leads bool) metav1.OwnerReference {
	ref := metav1.OwnerReference{
		APIVersion: kubebindv1alpha2.GroupVersion.String(),
		Kind:       "APIServiceBinding",
		Name:       owner.Name,
		UID:        owner.UID,
	}
	if leads {
		ref.Controller = ptr.To(true)
	}
	return ref
}
