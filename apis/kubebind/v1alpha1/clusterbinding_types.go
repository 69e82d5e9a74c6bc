// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// ClusterBinding is the provider's record of one consumer cluster. See v1alpha2.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Konnector Version",type="string",JSONPath=`.status.konnectorVersion`
// +kubebuilder:printcolumn:name="Last Heartbeat",type="date",JSONPath=`.status.lastHeartbeatTime`
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`self.metadata.name == "cluster"`,message="cluster binding name should be cluster"
type ClusterBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the provider says about the consumer.
	//
	// +required
	Spec ClusterBindingSpec `json:"spec"`
	// status is the consumer's side of the connection.
	//
	// +optional
	Status ClusterBindingStatus `json:"status,omitzero"`
}

// ClusterBindingSpec is what the provider says about a consumer.
type ClusterBindingSpec struct {
	// kubeconfigSecretRef names the Secret in the contract namespace that holds the consumer's kubeconfig.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="kubeconfigSecretRef is immutable"
	KubeconfigSecretRef LocalSecretKeyRef `json:"kubeconfigSecretRef"`
	// providerPrettyName is the provider's name for people.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	ProviderPrettyName string `json:"providerPrettyName"`
	// serviceProviderSpec is the provider's own record; konnectors ignore it.
	//
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	ServiceProviderSpec runtime.RawExtension `json:"serviceProviderSpec,omitzero"`
}

// ClusterBindingStatus is what a konnector reports about itself.
type ClusterBindingStatus struct {
	// lastHeartbeatTime is when the konnector last reported.
	//
	// +optional
	LastHeartbeatTime *metav1.Time `json:"lastHeartbeatTime,omitempty"`
	// heartbeatInterval is how often the konnector means to report.
	//
	// +optional
	HeartbeatInterval *metav1.Duration `json:"heartbeatInterval,omitempty"`
	// konnectorVersion is the version of the konnector, or "unknown".
	//
	// +optional
	KonnectorVersion string `json:"konnectorVersion,omitempty"`
	// conditions are set by the konnector and the backend.
	//
	// +optional
	Conditions []kubebindv1alpha2.Condition `json:"conditions,omitempty"`
}

// ClusterBindingList is a list of ClusterBindings.
//
// +kubebuilder:object:root=true
type ClusterBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the ClusterBindings.
	Items []ClusterBinding `json:"items"`
}
