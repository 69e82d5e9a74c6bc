// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// APIServiceExport is the contract between the provider and one consumer over some resources. The backend makes it in
// the consumer's contract namespace from an APIServiceExportRequest, and keeps schemas and permissions for it; the
// consumer's konnector syncs by it, and reports in its status. Deleting it ends the contract.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Provider In Sync",type="string",JSONPath=`.status.conditions[?(@.type=="ProviderInSync")].status`,priority=5
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceExport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is exported, and how.
	//
	// +required
	Spec APIServiceExportSpec `json:"spec"`
	// status is how both sides are doing.
	//
	// +optional
	Status APIServiceExportStatus `json:"status,omitzero"`
}

// APIServiceExportSpec is what is exported, and how. It is set by the backend once.
type APIServiceExportSpec struct {
	// resources are the exported resources. The BoundSchema of each lies beside the export, named by
	// ResourceGroupName.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="resources are immutable"
	Resources []ExportedResource `json:"resources"`
	// permissionClaims are the further objects that are shared.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="permissionClaims are immutable"
	PermissionClaims []PermissionClaim `json:"permissionClaims,omitempty"`
	// informerScope says how widely the konnector may watch on the provider.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="informerScope is immutable"
	InformerScope InformerScope `json:"informerScope"`
	// isolation says how this consumer's objects are kept apart from those of others.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="isolation is immutable"
	Isolation Isolation `json:"isolation"`
	// clusterScopedIsolation is the older name of isolation. It is accepted and ignored.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="clusterScopedIsolation is immutable"
	ClusterScopedIsolation Isolation `json:"clusterScopedIsolation,omitempty"`
}

// APIServiceExportStatus is how both sides of an export are doing.
type APIServiceExportStatus struct {
	// conditions are set by the backend (ProviderInSync) and by the konnector (Connected, ConsumerInSync); Ready sums
	// them up.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// APIServiceExportList is a list of exports.
//
// +kubebuilder:object:root=true
type APIServiceExportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the exports.
	Items []APIServiceExport `json:"items"`
}

// GetConditions returns the conditions of the export's status.
func (e *APIServiceExport) GetConditions() []Condition { return e.Status.Conditions }

// SetConditions replaces the conditions of the export's status.
func (e *APIServiceExport) SetConditions(conditions []Condition) { e.Status.Conditions = conditions }
