// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// APIServiceExportRequest asks the provider to export resources to a consumer. See v1alpha2.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceExportRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for.
	//
	// +required
	Spec APIServiceExportRequestSpec `json:"spec"`
	// status is the backend's answer.
	//
	// +optional
	// +kubebuilder:default={}
	Status APIServiceExportRequestStatus `json:"status,omitzero"`
}

// APIServiceExportRequestSpec is what a consumer asks for. The last three fields are known upstream in v1alpha2 only;
// here they are accepted too, because requests of this version that carry them are in use and would lose them.
type APIServiceExportRequestSpec struct {
	// resources are the resources to export.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="resources are immutable"
	Resources []kubebindv1alpha2.ExportedResource `json:"resources"`
	// parameters is free for agreements between a provider and its consumers. kube-bind ignores it.
	//
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="parameters are immutable"
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
	// permissionClaims are the further objects to share.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="permissionClaims are immutable"
	PermissionClaims []kubebindv1alpha2.PermissionClaim `json:"permissionClaims,omitempty"`
	// namespaces are made on both sides with the export, and belong to the provider.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="namespaces are immutable"
	Namespaces []kubebindv1alpha2.Namespace `json:"namespaces,omitempty"`
	// schemaUpdatePolicy says whether the export follows later changes of the source schemas.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="schemaUpdatePolicy is immutable"
	SchemaUpdatePolicy kubebindv1alpha2.SchemaUpdatePolicy `json:"schemaUpdatePolicy,omitempty"`
}

// APIServiceExportRequestStatus is the backend's answer to a request.
type APIServiceExportRequestStatus struct {
	// phase is how far the request has come.
	//
	// +optional
	// +kubebuilder:default=Pending
	Phase kubebindv1alpha2.Phase `json:"phase,omitempty"`
	// terminalMessage says why the request failed, for people.
	//
	// +optional
	TerminalMessage string `json:"terminalMessage,omitempty"`
	// conditions are set by the backend.
	//
	// +optional
	Conditions []kubebindv1alpha2.Condition `json:"conditions,omitempty"`
}

// APIServiceExportRequestList is a list of requests.
//
// +kubebuilder:object:root=true
type APIServiceExportRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the requests.
	Items []APIServiceExportRequest `json:"items"`
}
