// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// APIServiceNamespace maps a namespace of the consumer, which it is named like, to a namespace of the provider. The
// konnector creates it in the contract namespace when the first object of that consumer namespace is to be synced, or
// the backend does for a namespace that the service brings along. The backend makes the provider namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Namespace",type="string",JSONPath=`.status.namespace`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceNamespace struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is empty: the name says it all.
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
	// namespace is the provider namespace. The backend sets it once the konnector may work in it.
	//
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// conditions are set by the backend: Ready, which says why there is no provider namespace.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
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

// GetConditions returns the conditions of the APIServiceNamespace's status.
func (n *APIServiceNamespace) GetConditions() []Condition { return n.Status.Conditions }

// SetConditions replaces the conditions of the APIServiceNamespace's status.
func (n *APIServiceNamespace) SetConditions(conditions []Condition) { n.Status.Conditions = conditions }
