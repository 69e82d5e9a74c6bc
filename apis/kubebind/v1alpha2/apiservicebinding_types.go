// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// APIServiceBinding binds, in the consumer, the APIServiceExport of the same name, or of its spec's exportName, at a provider. The consumer's admin
// creates it, or the konnector does for a bundle. The konnector installs the export's CRDs, syncs their objects, and
// reports in the status. Deleting it unbinds.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Cluster,categories=kube-bindings,shortName=sb
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Provider",type="string",JSONPath=`.status.providerPrettyName`
// +kubebuilder:printcolumn:name="Resources",type="string",JSONPath=`.status.boundSchemas[*].resource`,priority=1
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
//
// +kubebuilder:validation:XValidation:rule="has(self.exportName) == has(oldSelf.exportName) && (!has(self.exportName) || self.exportName == oldSelf.exportName)",message="exportName is immutable"
type APIServiceBindingSpec struct {
	// kubeconfigSecretRef names the Secret with the provider's kubeconfig.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="kubeconfigSecretRef is immutable"
	KubeconfigSecretRef ClusterSecretKeyRef `json:"kubeconfigSecretRef"`
	// exportName is the name of the APIServiceExport at the provider. Empty means the binding's own name. It is needed
	// where two providers have exports of the same name. Not known upstream.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ExportName string `json:"exportName,omitempty"`
	// providerName is what objects and namespaces of this cluster call the provider, in the annotation
	// kube-bind.io/provider, where several bindings bring the same resource. Empty means the binding's own name. Not known
	// upstream.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ProviderName string `json:"providerName,omitempty"`
	// defaultProvider lets objects that name no provider go to this one, where several bindings bring the same resource. Not
	// known upstream.
	//
	// +optional
	DefaultProvider bool `json:"defaultProvider,omitempty"`
	// permissionClaims are the consumer's answers to the claims of the export. The consumer's admin sets them. A claim
	// that is not answered is accepted. Not known upstream.
	//
	// +optional
	// +listType=map
	// +listMapKey=group
	// +listMapKey=resource
	PermissionClaims []PermissionClaimConsent `json:"permissionClaims,omitempty"`
}

// PermissionClaimConsent is a consumer's answer to the claim on one resource.
type PermissionClaimConsent struct {
	GroupResource `json:",inline"`

	// state is the answer: a claim that is Refused moves nothing, and what it moved before is removed from the provider's
	// side if it is the consumer's, and from the consumer's if it is the provider's.
	//
	// +required
	State ConsentState `json:"state"`
}

// ConsentState is what a consumer says to a claim.
//
// +kubebuilder:validation:Enum=Accepted;Refused
type ConsentState string

const (
	// ConsentAccepted lets the claimed objects be shared. It is what no answer means.
	ConsentAccepted ConsentState = "Accepted"
	// ConsentRefused keeps them from being shared.
	ConsentRefused ConsentState = "Refused"
)

// APIServiceBindingStatus is how a binding is doing. The konnector writes it.
type APIServiceBindingStatus struct {
	// providerPrettyName is the provider's name for people, from its ClusterBinding.
	//
	// +optional
	ProviderPrettyName string `json:"providerPrettyName,omitempty"`
	// boundSchemas are the resources that the binding brought.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	BoundSchemas []BoundSchemaReference `json:"boundSchemas,omitempty"`
	// permissionClaims are the claims of the export, as the konnector follows them.
	//
	// +optional
	PermissionClaims []PermissionClaim `json:"permissionClaims,omitempty"`
	// conditions are set by the konnector: SecretValid, Connected, SchemaInSync, InformersSynced, Heartbeating and
	// ObjectsInSync; Ready sums up all but the last.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// BoundSchemaReference names a resource that a binding brought.
type BoundSchemaReference struct {
	GroupResource `json:",inline"`

	// isolation is that of the export when objects of this resource were first carried, if it is cluster-scoped: their copies lie by it.
	// Should the export be made again with another one, nothing of the resource is synced while there are objects. Not known upstream.
	//
	// +optional
	Isolation Isolation `json:"isolation,omitempty"`
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

// Export returns the name of the binding's APIServiceExport at the provider.
func (b *APIServiceBinding) Export() string {
	return cmp.Or(b.Spec.ExportName, b.Name)
}

// Provider returns what objects and namespaces of the consumer call the provider.
func (b *APIServiceBinding) Provider() string {
	return cmp.Or(b.Spec.ProviderName, b.Name)
}

// Consent returns the binding's answer to claims on a resource. No answer accepts them.
func (b *APIServiceBinding) Consent(resource GroupResource) ConsentState {
	for _, answer := range b.Spec.PermissionClaims {
		if answer.GroupResource.GroupResource() == resource.GroupResource() {
			return answer.State
		}
	}
	return ConsentAccepted
}

// GetConditions returns the conditions of the binding's status.
func (b *APIServiceBinding) GetConditions() []Condition { return b.Status.Conditions }

// SetConditions replaces the conditions of the binding's status.
func (b *APIServiceBinding) SetConditions(conditions []Condition) { b.Status.Conditions = conditions }
