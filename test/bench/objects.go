// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// consumerNamespace is where the objects of the benchmark are.
const consumerNamespace = "default"

// payload makes an object about 1 KB.
const payload = 700

var resource = schema.GroupVersionResource{Group: "wildwest.dev", Version: "v1alpha1", Resource: "cowboys"}

func object(namespace, name string, revision int) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": resource.GroupVersion().String(),
		"kind":       "Cowboy",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       map[string]any{"intent": intent(revision)},
	}}
}

func intent(revision int) string { return fmt.Sprintf("%d %s", revision, strings.Repeat("x", payload)) }

// copyOf is what a syncer applies for an object: about as large, with marks of the same size.
func copyOf(namespace, name string, revision int) *unstructured.Unstructured {
	o := object(namespace, name, revision)
	o.SetAnnotations(map[string]string{
		kubebindv1alpha2.ClusterNamespaceAnnotation:  namespace,
		kubebindv1alpha2.ConsumerClusterAnnotation:   "00000000-0000-0000-0000-000000000000",
		kubebindv1alpha2.ConsumerNamespaceAnnotation: consumerNamespace,
		kubebindv1alpha2.ConsumerUIDAnnotation:       "00000000-0000-0000-0000-000000000000",
		kubebindv1alpha2.AppliedHashAnnotation:       strings.Repeat(fmt.Sprint(revision%10), 64),
	})
	return o
}

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%05d", prefix, i)
	}
	return out
}
