// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// APIServiceExportRequest asks the provider to export resources to the consumer in whose contract namespace it lies.
// The consumer creates it, or the backend does when a template is bound; the backend answers with an APIServiceExport
// of the same name, or with a reason why not. A request that is finished is deleted after a while.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Phase",type="string",JSONPath=`.status.phase`,priority=1
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

// APIServiceExportRequestSpec is what a consumer asks for. All of it must be covered by one template that the consumer
// was granted.
type APIServiceExportRequestSpec struct {
	// resources are the resources to export.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="resources are immutable"
	Resources []ExportedResource `json:"resources"`
	// permissionClaims are the further objects to share.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="permissionClaims are immutable"
	PermissionClaims []PermissionClaim `json:"permissionClaims,omitempty"`
	// namespaces are made on both sides with the export, and belong to the provider.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="namespaces are immutable"
	Namespaces []Namespace `json:"namespaces,omitempty"`
	// parameters is free for agreements between a provider and its consumers. kube-bind ignores it.
	//
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="parameters are immutable"
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
	// schemaUpdatePolicy says whether the export follows later changes of the source schemas.
	//
	// +optional
	// +kubebuilder:default=Never
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="schemaUpdatePolicy is immutable"
	SchemaUpdatePolicy SchemaUpdatePolicy `json:"schemaUpdatePolicy,omitempty"`
}

// APIServiceExportRequestStatus is the backend's answer to a request.
type APIServiceExportRequestStatus struct {
	// phase is how far the request has come.
	//
	// +optional
	// +kubebuilder:default=Pending
	Phase Phase `json:"phase,omitempty"`
	// terminalMessage says why the request failed, for people.
	//
	// +optional
	TerminalMessage string `json:"terminalMessage,omitempty"`
	// conditions are set by the backend: Ready, ExportsReady and PermissionClaim.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
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

// GetConditions returns the conditions of the request's status.
func (r *APIServiceExportRequest) GetConditions() []Condition { return r.Status.Conditions }

// SetConditions replaces the conditions of the request's status.
func (r *APIServiceExportRequest) SetConditions(conditions []Condition) {
	r.Status.Conditions = conditions
}
