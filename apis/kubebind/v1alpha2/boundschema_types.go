// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// BoundSchema is the schema of one exported resource, as the consumer is to install it. The backend makes it beside
// the APIServiceExport from the provider's CRD; the konnector makes a CRD of it, and mirrors that CRD's state here.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings,shortName=bs
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type BoundSchema struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the schema.
	//
	// +optional
	Spec BoundSchemaSpec `json:"spec,omitzero"`
	// status is the state of the consumer's CRD.
	//
	// +optional
	Status BoundSchemaStatus `json:"status,omitzero"`
}

// BoundSchemaSpec holds the parts of a CRD that travel to the consumer.
type BoundSchemaSpec struct {
	// informerScope says how widely the konnector may watch the resource on the provider.
	//
	// +required
	InformerScope InformerScope `json:"informerScope"`
	// group is the API group of the resource.
	//
	// +required
	Group string `json:"group"`
	// names are the names of the resource.
	//
	// +required
	Names apiextensionsv1.CustomResourceDefinitionNames `json:"names"`
	// scope says whether the resource is namespaced in the consumer. With isolation Namespaced it is Cluster although
	// the provider's resource is namespaced.
	//
	// +required
	// +kubebuilder:validation:Enum=Cluster;Namespaced
	Scope apiextensionsv1.ResourceScope `json:"scope"`
	// versions are the exported versions.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	Versions []BoundSchemaVersion `json:"versions"`
	// conversion says how the consumer's API server converts between versions.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="(self.strategy == 'None' && !has(self.webhook))  || (self.strategy == 'Webhook' && has(self.webhook))",message="Webhook must be specified if strategy=Webhook"
	Conversion *BoundSchemaConversion `json:"conversion,omitempty"`
}

// BoundSchemaVersion is one version of a resource.
type BoundSchemaVersion struct {
	// name is the version's name, such as v1alpha1.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^v[1-9][0-9]*([a-z]+[1-9][0-9]*)?$`
	Name string `json:"name"`
	// served says whether the consumer's API server serves the version.
	//
	// +required
	// +kubebuilder:default=true
	Served bool `json:"served"`
	// storage says whether the consumer's API server stores objects in this version. It is true for exactly one.
	//
	// +required
	Storage bool `json:"storage"`
	// deprecated says whether clients that use the version are warned.
	//
	// +optional
	Deprecated bool `json:"deprecated,omitempty"`
	// deprecationWarning is the text of that warning.
	//
	// +optional
	DeprecationWarning *string `json:"deprecationWarning,omitempty"`
	// schema is the OpenAPI schema of the version: {"openAPIV3Schema": …} or the bare schema.
	//
	// +required
	// +structType=atomic
	// +kubebuilder:pruning:PreserveUnknownFields
	Schema runtime.RawExtension `json:"schema"`
	// subresources are the subresources of the version.
	//
	// +optional
	Subresources *apiextensionsv1.CustomResourceSubresources `json:"subresources,omitempty"`
	// additionalPrinterColumns are the columns that kubectl get shows.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	AdditionalPrinterColumns []apiextensionsv1.CustomResourceColumnDefinition `json:"additionalPrinterColumns,omitempty"`
	// selectableFields are the fields that clients can select objects by.
	//
	// +optional
	// +listType=atomic
	SelectableFields []apiextensionsv1.SelectableField `json:"selectableFields,omitempty"`
}

// BoundSchemaConversion says how versions are converted.
type BoundSchemaConversion struct {
	// strategy is None, where only apiVersion differs, or Webhook.
	//
	// +optional
	// +kubebuilder:validation:Enum=None;Webhook
	Strategy apiextensionsv1.ConversionStrategyType `json:"strategy,omitempty"`
	// webhook is the webhook that converts.
	//
	// +optional
	Webhook *BoundSchemaWebhook `json:"webhook,omitempty"`
}

// BoundSchemaWebhook is a conversion webhook that the consumer's API server can reach.
type BoundSchemaWebhook struct {
	// clientConfig says where the webhook is.
	//
	// +optional
	ClientConfig *BoundSchemaWebhookClientConfig `json:"clientConfig,omitempty"`
	// conversionReviewVersions are the versions of ConversionReview that the webhook understands.
	//
	// +optional
	// +listType=atomic
	ConversionReviewVersions []string `json:"conversionReviewVersions,omitempty"`
}

// BoundSchemaWebhookClientConfig says where a webhook is. Services of the provider cannot be reached from the
// consumer, so there is only a URL.
type BoundSchemaWebhookClientConfig struct {
	// url is the webhook's address.
	//
	// +optional
	// +kubebuilder:validation:Format=uri
	URL string `json:"url,omitempty"`
	// caBundle is the PEM certificate that the webhook's certificate is checked against.
	//
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`
}

// BoundSchemaStatus mirrors the state of the consumer's CRD. The konnector writes it, for information.
type BoundSchemaStatus struct {
	// acceptedNames are the names that the consumer's API server accepted.
	//
	// +optional
	AcceptedNames *apiextensionsv1.CustomResourceDefinitionNames `json:"acceptedNames,omitempty"`
	// storedVersions are the versions that the consumer has objects stored in.
	//
	// +optional
	StoredVersions []string `json:"storedVersions,omitempty"`
	// instantiations is not written.
	//
	// +optional
	Instantiations int `json:"instantiations,omitempty"`
	// conditions are those of the consumer's CRD, and Ready.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// BoundSchemaList is a list of BoundSchemas.
//
// +kubebuilder:object:root=true
type BoundSchemaList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the BoundSchemas.
	Items []BoundSchema `json:"items"`
}

// GetConditions returns the conditions of the BoundSchema's status.
func (s *BoundSchema) GetConditions() []Condition { return s.Status.Conditions }

// SetConditions replaces the conditions of the BoundSchema's status.
func (s *BoundSchema) SetConditions(conditions []Condition) { s.Status.Conditions = conditions }

// ResourceGroupName returns "<plural>.<group>", with "core" for the empty group: the name of this BoundSchema.
func (s *BoundSchema) ResourceGroupName() string {
	return GroupResource{Group: s.Spec.Group, Resource: s.Spec.Names.Plural}.ResourceGroupName()
}
