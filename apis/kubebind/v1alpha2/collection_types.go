// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Collection groups templates for people who browse the offers of a provider. The provider's admin writes it; it has
// no effect on what can be bound.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=kube-bind
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Description",type="string",JSONPath=`.spec.description`
// +kubebuilder:printcolumn:name="Templates",type="string",JSONPath=`.spec.templates[*].name`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type Collection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the templates of the collection.
	//
	// +required
	Spec CollectionSpec `json:"spec"`
	// status is what the backend found out about the collection.
	//
	// +optional
	Status CollectionStatus `json:"status,omitzero"`
}

// CollectionSpec names the templates of a collection.
type CollectionSpec struct {
	// description tells consumers what the templates have in common.
	//
	// +optional
	Description string `json:"description,omitempty"`
	// templates are the APIServiceExportTemplates of the collection.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	Templates []TemplateReference `json:"templates"`
}

// TemplateReference names an APIServiceExportTemplate.
type TemplateReference struct {
	// name is the template's name.
	//
	// +required
	Name string `json:"name"`
}

// CollectionStatus is what the backend found out about a collection.
type CollectionStatus struct {
	// conditions are set by the backend: Ready and TemplatesFound.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// CollectionList is a list of collections.
//
// +kubebuilder:object:root=true
type CollectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the collections.
	Items []Collection `json:"items"`
}

// GetConditions returns the conditions of the collection's status.
func (c *Collection) GetConditions() []Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the collection's status.
func (c *Collection) SetConditions(conditions []Condition) { c.Status.Conditions = conditions }
