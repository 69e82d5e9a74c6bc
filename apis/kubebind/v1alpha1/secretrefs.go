// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// LocalSecretKeyRef names the kubeconfig in a Secret in the namespace of the object that holds the reference.
type LocalSecretKeyRef struct {
	// name is the Secret's name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// key is the key in the Secret's data: always kubeconfig.
	//
	// +required
	// +kubebuilder:validation:Enum=kubeconfig
	Key string `json:"key"`
}

// ClusterSecretKeyRef names the kubeconfig in a Secret in any namespace.
type ClusterSecretKeyRef struct {
	LocalSecretKeyRef `json:",inline"`

	// namespace is the Secret's namespace.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Namespace string `json:"namespace"`
}
