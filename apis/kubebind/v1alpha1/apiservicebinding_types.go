// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// APIServiceBinding binds, in the consumer, the APIServiceExport of the same name at a provider. See v1alpha2.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=kube-bindings,shortName=sb
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Provider",type="string",JSONPath=`.status.providerPrettyName`
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how the provider is reached.
	//
	// +optional
	Spec APIServiceBindingSpec `json:"spec,omitzero"`
	// status is how the binding is doing.
	//
	// +optional
	Status APIServiceBindingStatus `json:"status,omitzero"`
}

// APIServiceBindingSpec says how the provider is reached.
type APIServiceBindingSpec struct {
	// kubeconfigSecretRef names the Secret with the provider's kubeconfig.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="kubeconfigSecretRef is immutable"
	KubeconfigSecretRef ClusterSecretKeyRef `json:"kubeconfigSecretRef"`
}

// APIServiceBindingStatus is how a binding is doing.
type APIServiceBindingStatus struct {
	// providerPrettyName is the provider's name for people.
	//
	// +optional
	ProviderPrettyName string `json:"providerPrettyName,omitempty"`
	// conditions are set by the konnector.
	//
	// +optional
	Conditions []kubebindv1alpha2.Condition `json:"conditions,omitempty"`
}

// APIServiceBindingList is a list of bindings.
//
// +kubebuilder:object:root=true
type APIServiceBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the bindings.
	Items []APIServiceBinding `json:"items"`
}
