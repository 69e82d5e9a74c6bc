// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// content is what the copy should be: all top-level fields of the consumer object except status; of its metadata
// nothing but labels and annotations, as far as travels says; name and namespace of the target; our marks, and the hash
// of all this as the last of them. Owner references, finalizers, managedFields, generateName and whatever else is in
// the metadata mean something on the consumer only.
//
// The result shares values with the consumer object, so it must be copied before it leaves the package.
func content(in Input) *unstructured.Unstructured {
	annotations := travelling(in.Consumer.GetAnnotations())
	annotations[kubebindv1alpha2.ClusterNamespaceAnnotation] = in.Policy.ContractNamespace
	annotations[kubebindv1alpha2.ConsumerClusterAnnotation] = string(in.Policy.ConsumerCluster)
	annotations[kubebindv1alpha2.ConsumerUIDAnnotation] = string(in.Consumer.GetUID())
	if namespace := in.Consumer.GetNamespace(); namespace != "" {
		annotations[kubebindv1alpha2.ConsumerNamespaceAnnotation] = namespace
	}
	return sealed(payload(in.Consumer), in.Target.Key, travelling(in.Consumer.GetLabels()), annotations)
}

// payload is all top-level fields but metadata and status.
func payload(o *unstructured.Unstructured) map[string]any {
	fields := make(map[string]any, len(o.Object))
	for name, value := range o.Object {
		if name != "metadata" && name != "status" {
			fields[name] = value
		}
	}
	return fields
}

// sealed is the object of a payload and its metadata, with the hash of all that among its annotations.
func sealed(fields map[string]any, key types.NamespacedName, labels, annotations map[string]any) *unstructured.Unstructured {
	metadata := map[string]any{"name": key.Name, "annotations": annotations}
	if key.Namespace != "" {
		metadata["namespace"] = key.Namespace
	}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	fields["metadata"] = metadata
	annotations[kubebindv1alpha2.AppliedHashAnnotation] = hash(fields)
	return &unstructured.Unstructured{Object: fields}
}

func travelling(marks map[string]string) map[string]any {
	out := make(map[string]any, len(marks)+5)
	for key, value := range marks {
		if travels(key) {
			out[key] = value
		}
	}
	return out
}

// travels says whether a label or annotation with this key is the user's. Not so are:
//   - everything of kube-bind's domains, ours and upstream's: marks mean something on the side they are on;
//   - kubectl.kubernetes.io/last-applied-configuration: kubectl's memory of what the user sent to the consumer. It would
//     double the object, and mislead a kubectl at the provider;
//   - kcp.io/cluster and the labels of claimed.internal.apis.kcp.io: what kcp, as an API server, writes into objects.
//
// Nothing else is dropped, in particular not the rest of kubernetes.io: users write such keys, controllers read them,
// and a plain API server puts none on a custom resource.
func travels(key string) bool {
	if key == "kubectl.kubernetes.io/last-applied-configuration" || key == "kcp.io/cluster" {
		return false
	}
	domain, _, qualified := strings.Cut(strings.ToLower(key), "/")
	return !qualified ||
		!within(domain, kubebindv1alpha2.AnnotationDomain) &&
			!within(domain, "kubebind.io") &&
			!within(domain, "claimed.internal.apis.kcp.io")
}

func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// hash is the SHA-256 of the value's canonical text, in hex. Two values have the same hash if and only if they are the
// same JSON: the order of keys does not count, nor how a number is written. Absent, null, {} and [] are four different
// things, because the user wrote different things and may see them answered differently; the price is one Apply too many
// when somebody changes one into the other.
func hash(value any) string {
	sum := sha256.Sum256(appendCanonical(nil, value))
	return hex.EncodeToString(sum[:])
}

// sameHash says that what was last applied to the copy is what should be applied now.
func sameHash(provider, want *unstructured.Unstructured) bool {
	have, wanted := provider.GetAnnotations(), want.GetAnnotations()
	return have[kubebindv1alpha2.AppliedHashAnnotation] == wanted[kubebindv1alpha2.AppliedHashAnnotation]
}

// inSync says that the copy needs no Apply: what should be is there. As the hash is a part of it, it was also the last
// that was applied, so there are no fields to be removed.
func inSync(provider, want *unstructured.Unstructured) bool {
	return subset(want.Object, provider.Object)
}
