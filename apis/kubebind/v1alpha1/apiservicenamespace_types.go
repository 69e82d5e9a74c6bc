// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// APIServiceNamespace maps a namespace of the consumer, which it is named like, to a namespace of the provider. See
// v1alpha2.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Namespace",type="string",JSONPath=`.status.namespace`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceNamespace struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is empty.
	//
	// +optional
	Spec APIServiceNamespaceSpec `json:"spec,omitzero"`
	// status is the provider's side of the mapping.
	//
	// +optional
	Status APIServiceNamespaceStatus `json:"status,omitzero"`
}

// APIServiceNamespaceSpec is empty.
type APIServiceNamespaceSpec struct{}

// APIServiceNamespaceStatus is the provider's side of a mapping.
type APIServiceNamespaceStatus struct {
	// namespace is the provider namespace, set by the backend.
	//
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// APIServiceNamespaceList is a list of APIServiceNamespaces.
//
// +kubebuilder:object:root=true
type APIServiceNamespaceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the APIServiceNamespaces.
	Items []APIServiceNamespace `json:"items"`
}
