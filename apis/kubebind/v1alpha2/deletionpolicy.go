// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DeletionPolicy is what becomes of the copies of a binding or bundle when it is deleted: DeletionPolicyDelete unless
// DeletionPolicyAnnotation says otherwise. It is not valid if that says something else than the two.
func DeletionPolicy(o metav1.Object) (policy string, valid bool) {
	policy, set := o.GetAnnotations()[DeletionPolicyAnnotation]
	if !set {
		return DeletionPolicyDelete, true
	}
	return policy, policy == DeletionPolicyDelete || policy == DeletionPolicyOrphan
}
