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

// besideValidations are the fence in namespaces where objects of the provider, or of other consumers, lie beside this one's. A konnector
// makes copies, which carry the consumer's mark, and changes and deletes these. Of what carries nobody's it changes what the provider
// labelled as the consumer's; of the rest labels and annotations at most, to say that it is the provider's, and not that it is the
// consumer's. What carries another's mark it leaves alone, whatever its labels say: they say "consumer", and not which.
func besideValidations(namespace string) []admissionregistrationv1.Validation {
	old, given := unmarked("oldObject"), labelled("oldObject", kubebindv1alpha2.OwnerConsumer)
	nobodyElses := fmt.Sprintf("((%s) || %s)", marked("object", namespace), unmarked("object"))
	return []admissionregistrationv1.Validation{
		deny(fmt.Sprintf("request.operation != 'CREATE' || (%s)", marked("object", namespace)),
			"what is made here must carry the mark of "+namespace),
		deny(fmt.Sprintf("request.operation != 'UPDATE' || (((%s) || (%s && %s)) && %s) || (%s && %s && %s && !(%s))",
			marked("oldObject", namespace), old, given, nobodyElses, old, untouched(), unmarked("object"), labelled("object", kubebindv1alpha2.OwnerConsumer)),
			"the object is not this consumer's, or would not be any more: of the provider's, only labels and annotations can be changed"),
		deny(fmt.Sprintf("request.operation != 'DELETE' || (%s)", marked("oldObject", namespace)),
			"the object is no copy of this consumer's"),
	}
}

// claimValidations are what the fence has more for claimed objects. Their copies are labelled. And a consumer makes no tokens: with one of a
// ServiceAccount that the provider uses there, it would be that ServiceAccount.
func claimValidations() []admissionregistrationv1.Validation {
	return []admissionregistrationv1.Validation{
		deny(fmt.Sprintf("request.resource.group != '' || request.operation != 'CREATE' || (%s)", labelled("object", kubebindv1alpha2.OwnerConsumer)),
			"a claimed object made here must be a copy of the consumer's, labelled as such"),
		deny("request.resource.group != '' || object == null || !has(object.type) || object.type != 'kubernetes.io/service-account-token'",
			"tokens of ServiceAccounts are not made by consumers"),
	}
}

func deny(expression, message string) admissionregistrationv1.Validation {
	return admissionregistrationv1.Validation{Expression: expression, Message: message, Reason: ptr.To(metav1.StatusReasonForbidden)}
}

func marked(object, namespace string) string {
	return has(object, "annotations", kubebindv1alpha2.ClusterNamespaceAnnotation, namespace)
}

// unmarked says that an object carries no consumer's mark.
func unmarked(object string) string {
	at, key := object+".metadata.annotations", quote(kubebindv1alpha2.ClusterNamespaceAnnotation)
	return fmt.Sprintf("(!has(%s) || !(%s in %s) || %s[%s] == '')", at, key, at, at, key)
}

func labelled(object, owner string) string {
	return has(object, "labels", kubebindv1alpha2.OwnerLabel, owner)
}

func has(object, field, key, value string) string {
	at := object + ".metadata." + field
	return fmt.Sprintf("has(%s) && %s in %s && %s[%s] == %s", at, quote(key), at, at, quote(key), quote(value))
}

// untouched says that an update changes nothing but labels and annotations. Owner references and finalizers are metadata too, but what the
// garbage collector goes by: an owner that does not exist is a deletion, a finalizer the end of all deletions.
func untouched() string {
	parts := []string{
		"object.all(k, k == 'metadata' || (k in oldObject && object[k] == oldObject[k]))", "oldObject.all(k, k in object)",
	}
	for _, field := range []string{"metadata.ownerReferences", "metadata.finalizers"} {
		parts = append(parts, fmt.Sprintf("(has(object.%[1]s) ? (has(oldObject.%[1]s) && object.%[1]s == oldObject.%[1]s) : !has(oldObject.%[1]s))", field))
	}
	return strings.Join(parts, " && ")
}
