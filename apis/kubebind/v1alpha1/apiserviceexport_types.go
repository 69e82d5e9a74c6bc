// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// APIServiceExport exports one resource, with its schema, to the consumer in whose contract namespace it lies. In
// v1alpha2 the schema is in a BoundSchema.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`self.metadata.name == self.spec.names.plural+"."+self.spec.group`,message="the name must be <plural>.<group>"
type APIServiceExport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is exported, and how.
	//
	// +required
	Spec APIServiceExportSpec `json:"spec"`
	// status is the state of the consumer's CRD and of the export.
	//
	// +optional
	Status APIServiceExportStatus `json:"status,omitzero"`
}

// APIServiceExportSpec is what is exported, and how.
//
// +kubebuilder:validation:XValidation:rule=`self.scope == "Namespaced" || self.informerScope == "Cluster"`,message="informerScope must be Cluster for cluster-scoped resources"
// +kubebuilder:validation:XValidation:rule=`self.scope == "Namespaced" || has(self.clusterScopedIsolation)`,message="clusterScopedIsolation must be defined for cluster-scoped resources"
// +kubebuilder:validation:XValidation:rule=`self.scope == "Cluster" || !has(self.clusterScopedIsolation)`,message="clusterScopedIsolation is not relevant for namespaced resources"
type APIServiceExportSpec struct {
	// group is the API group of the resource.
	//
	// +required
	Group string `json:"group"`
	// names are the names of the resource.
	//
	// +required
	Names apiextensionsv1.CustomResourceDefinitionNames `json:"names"`
	// scope says whether the resource is namespaced.
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
	Versions []APIServiceExportVersion `json:"versions"`
	// informerScope says how widely the konnector may watch on the provider.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="informerScope is immutable"
	InformerScope kubebindv1alpha2.InformerScope `json:"informerScope"`
	// clusterScopedIsolation says how objects of a cluster-scoped resource are kept apart.
	//
	// +optional
	ClusterScopedIsolation kubebindv1alpha2.Isolation `json:"clusterScopedIsolation,omitempty"`
}

// APIServiceExportVersion is one version of a resource.
type APIServiceExportVersion struct {
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
	// storage says whether the consumer's API server stores objects in this version.
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
	// schema is the schema of the version.
	//
	// +required
	Schema APIServiceExportSchema `json:"schema"`
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
}

// APIServiceExportSchema wraps an OpenAPI schema.
type APIServiceExportSchema struct {
	// openAPIV3Schema is the OpenAPI schema.
	//
	// +required
	// +structType=atomic
	// +kubebuilder:pruning:PreserveUnknownFields
	OpenAPIV3Schema runtime.RawExtension `json:"openAPIV3Schema"`
}

// APIServiceExportStatus is the state of the consumer's CRD and of the export.
type APIServiceExportStatus struct {
	// acceptedNames are the names that the consumer's API server accepted.
	//
	// +optional
	AcceptedNames *apiextensionsv1.CustomResourceDefinitionNames `json:"acceptedNames,omitempty"`
	// storedVersions are the versions that the consumer has objects stored in.
	//
	// +optional
	StoredVersions []string `json:"storedVersions,omitempty"`
	// conditions are set by the backend and the konnector.
	//
	// +optional
	Conditions []kubebindv1alpha2.Condition `json:"conditions,omitempty"`
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
