// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// claimValidations are the fence around claimed objects, whose namespaces hold objects of the provider's own as well. A
// konnector makes copies, which carry the consumer's mark; it changes and deletes these, and what the provider labelled
// as the consumer's; of everything else it changes labels and annotations at most, to say that it is the provider's, and
// not that it is the consumer's. And it makes no tokens: with one of a ServiceAccount that the provider uses there, the consumer would be that ServiceAccount.
func claimValidations(namespace string) []admissionregistrationv1.Validation {
	deny := func(expression, message string) admissionregistrationv1.Validation {
		return admissionregistrationv1.Validation{
			Expression: "request.resource.group != '' || " + expression, Message: message, Reason: ptr.To(metav1.StatusReasonForbidden),
		}
	}
	consumers := labelled("oldObject", kubebindv1alpha2.OwnerConsumer)
	return []admissionregistrationv1.Validation{
		deny(fmt.Sprintf("request.operation != 'CREATE' || (%s && %s)", marked("object", namespace), labelled("object", kubebindv1alpha2.OwnerConsumer)),
			"a claimed object made here must be a copy of the consumer's, marked and labelled as such"),
		deny(fmt.Sprintf("request.operation != 'UPDATE' || (%s) || (%s) || (%s && !(%s) && !(%s))",
			marked("oldObject", namespace), consumers, sameContent(), marked("object", namespace), labelled("object", kubebindv1alpha2.OwnerConsumer)),
			"the object is the provider's: only its labels and annotations can be changed"),
		deny(fmt.Sprintf("request.operation != 'DELETE' || (%s)", marked("oldObject", namespace)),
			"the object is no copy of this consumer's"),
		deny("object == null || !has(object.type) || object.type != 'kubernetes.io/service-account-token'",
			"tokens of ServiceAccounts are not made by consumers"),
	}
}

func marked(object, namespace string) string {
	return has(object, "annotations", kubebindv1alpha2.ClusterNamespaceAnnotation, namespace)
}

func labelled(object, owner string) string {
	return has(object, "labels", kubebindv1alpha2.OwnerLabel, owner)
}

func has(object, field, key, value string) string {
	at := object + ".metadata." + field
	return fmt.Sprintf("has(%s) && %s in %s && %s[%s] == %s", at, quote(key), at, at, quote(key), quote(value))
}

// sameContent says that an update of any claimable kind changes nothing but labels and annotations. Owner references and finalizers are
// metadata too, but what the garbage collector goes by: an owner that does not exist is a deletion, a finalizer the end of all deletions.
func sameContent() string {
	var parts []string
	for _, field := range []string{
		"data", "binaryData", "immutable", "type", "secrets", "imagePullSecrets", "automountServiceAccountToken", "metadata.ownerReferences", "metadata.finalizers",
	} {
		parts = append(parts, fmt.Sprintf("(has(object.%[1]s) ? (has(oldObject.%[1]s) && object.%[1]s == oldObject.%[1]s) : !has(oldObject.%[1]s))", field))
	}
	return strings.Join(parts, " && ")
}
