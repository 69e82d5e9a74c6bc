// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// APIServiceExportTemplate is an offer: a set of the provider's resources that consumers can bind together. The
// provider's admin writes it; the backend reports in its status what of it can be bound.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=kube-bind
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Resources",type="string",JSONPath=`.spec.resources[*].group`
// +kubebuilder:printcolumn:name="PermissionClaims",type="string",JSONPath=`.spec.permissionClaims[*].resource`
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`,priority=1
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceExportTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is offered.
	//
	// +required
	Spec APIServiceExportTemplateSpec `json:"spec"`
	// status is what the backend found out about the offer.
	//
	// +optional
	Status APIServiceExportTemplateStatus `json:"status,omitzero"`
}

// APIServiceExportTemplateSpec is what a template offers.
type APIServiceExportTemplateSpec struct {
	// description tells consumers what the service is. It is shown when they choose, and has no other effect.
	//
	// +optional
	Description string `json:"description,omitempty"`
	// resources are the resources that a binding of this template exports. Their CRDs carry the label
	// kube-bind.io/exported=true and all have the same scope.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	Resources []ExportedResource `json:"resources"`
	// permissionClaims are the further objects that the service needs to share with the consumer.
	//
	// +optional
	PermissionClaims []PermissionClaim `json:"permissionClaims,omitempty"`
	// namespaces are made on both sides when the template is bound, and belong to the provider.
	//
	// +optional
	Namespaces []Namespace `json:"namespaces,omitempty"`
	// scope tells people whether the offered resources are cluster-scoped or namespaced.
	//
	// +required
	Scope InformerScope `json:"scope"`
	// schemaUpdatePolicy says whether bindings of this template follow later changes of the source schemas.
	//
	// +optional
	// +kubebuilder:default=Never
	SchemaUpdatePolicy SchemaUpdatePolicy `json:"schemaUpdatePolicy,omitempty"`
}

// APIServiceExportTemplateStatus is what the backend found out about a template.
type APIServiceExportTemplateStatus struct {
	// conditions are set by the backend: Ready, ResourcesFound and PermissionClaim.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// APIServiceExportTemplateList is a list of templates.
//
// +kubebuilder:object:root=true
type APIServiceExportTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the templates.
	Items []APIServiceExportTemplate `json:"items"`
}

// GetConditions returns the conditions of the template's status.
func (t *APIServiceExportTemplate) GetConditions() []Condition { return t.Status.Conditions }

// SetConditions replaces the conditions of the template's status.
func (t *APIServiceExportTemplate) SetConditions(conditions []Condition) {
	t.Status.Conditions = conditions
}
