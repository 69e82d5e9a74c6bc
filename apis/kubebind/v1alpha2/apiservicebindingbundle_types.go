// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// APIServiceBindingBundle binds everything that a provider exports to this consumer: the konnector keeps one
// APIServiceBinding for each APIServiceExport. The consumer's admin creates it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=kube-bindings,shortName=sbb
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Provider",type="string",JSONPath=`.status.providerPrettyName`
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type APIServiceBindingBundle struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how the provider is reached.
	//
	// +optional
	Spec APIServiceBindingBundleSpec `json:"spec,omitzero"`
	// status is how the bundle is doing.
	//
	// +optional
	Status APIServiceBindingBundleStatus `json:"status,omitzero"`
}

// APIServiceBindingBundleSpec says how the provider is reached.
type APIServiceBindingBundleSpec struct {
	// kubeconfigSecretRef names the Secret with the provider's kubeconfig.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="kubeconfigSecretRef is immutable"
	KubeconfigSecretRef ClusterSecretKeyRef `json:"kubeconfigSecretRef"`
}

// APIServiceBindingBundleStatus is how a bundle is doing. The konnector writes it.
type APIServiceBindingBundleStatus struct {
	// providerPrettyName is the provider's name for people, from its ClusterBinding.
	//
	// +optional
	ProviderPrettyName string `json:"providerPrettyName,omitempty"`
	// conditions are set by the konnector: SecretValid and Synced; Ready sums them up. Draining is there while the bundle is
	// being deleted.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// APIServiceBindingBundleList is a list of bundles.
//
// +kubebuilder:object:root=true
type APIServiceBindingBundleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the bundles.
	Items []APIServiceBindingBundle `json:"items"`
}

// GetConditions returns the conditions of the bundle's status.
func (b *APIServiceBindingBundle) GetConditions() []Condition { return b.Status.Conditions }

// SetConditions replaces the conditions of the bundle's status.
func (b *APIServiceBindingBundle) SetConditions(conditions []Condition) {
	b.Status.Conditions = conditions
}
