// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DefaultClusterName is the name of the one Cluster object of a (logical) cluster.
const DefaultClusterName = "default"

// Cluster stands for the (logical) cluster that a backend serves. It is named "default"; the backend makes it, and
// hangs on it what belongs to the cluster as a whole.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=kube-bind
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type=="Ready")].status`
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is empty.
	//
	// +required
	Spec ClusterSpec `json:"spec"`
	// status is how the cluster is doing.
	//
	// +optional
	Status ClusterStatus `json:"status,omitzero"`
}

// ClusterSpec is empty: there is nothing to choose.
type ClusterSpec struct{}

// ClusterStatus is how a cluster is doing.
type ClusterStatus struct {
	// conditions are set by the backend.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// ClusterList is a list of Clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the Clusters.
	Items []Cluster `json:"items"`
}

// GetConditions returns the conditions of the Cluster's status.
func (c *Cluster) GetConditions() []Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the Cluster's status.
func (c *Cluster) SetConditions(conditions []Condition) { c.Status.Conditions = conditions }
