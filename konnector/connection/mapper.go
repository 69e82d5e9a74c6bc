// SPDX-License-Identifier: Apache-2.0

package connection

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// mapper knows the kinds that a session reads and writes on the provider, so that it needs no discovery there.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	// A cache asks for the scope of a list by the list's own kind.
	m.Add(kubebindv1alpha2.GroupVersion.WithKind("APIServiceExportList"), meta.RESTScopeNamespace)
	for _, kind := range []string{"APIServiceExport", "APIServiceExportRequest", "APIServiceNamespace", "BoundSchema", "ClusterBinding"} {
		m.Add(kubebindv1alpha2.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	m.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	return m
}
