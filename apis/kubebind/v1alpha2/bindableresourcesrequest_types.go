// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BindableResourcesRequest asks for a consumer's place on the provider and, with a template, for a binding of it. In a
// cluster whoever speaks for the consumer creates it in a namespace of theirs, and the backend answers with a Secret
// there; over HTTP it is the body of the bind call.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,categories=kube-bindings
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Template",type="string",JSONPath=`.spec.templateRef.name`
// +kubebuilder:printcolumn:name="Phase",type="string",JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type BindableResourcesRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for, and for whom.
	//
	// +required
	Spec BindableResourcesRequestSpec `json:"spec"`
	// status is the backend's answer.
	//
	// +optional
	// +kubebuilder:default={}
	Status BindableResourcesRequestStatus `json:"status,omitzero"`
}

// BindableResourcesRequestSpec is what is asked for, and for whom.
type BindableResourcesRequestSpec struct {
	// author says who asks. It is written down for audit and grants nothing.
	//
	// +required
	Author string `json:"author"`
	// clusterIdentity is the consumer that the place is for.
	//
	// +required
	ClusterIdentity ClusterIdentity `json:"clusterIdentity"`
	// templateRef names the template to bind. Without it only the place is made.
	//
	// +optional
	TemplateRef *TemplateReference `json:"templateRef,omitempty"`
	// kubeconfigSecretRef names the Secret, beside the request, that the answer is written to. Without it the Secret
	// is called like the request with "-binding-response" behind, and the key is "binding-response".
	//
	// +optional
	KubeconfigSecretRef *LocalSecretKeyRef `json:"kubeconfigSecretRef,omitempty"`
	// ttlAfterFinished is how long the request is kept after it succeeded or failed. Without it the request stays.
	//
	// +optional
	TTLAfterFinished *metav1.Duration `json:"ttlAfterFinished,omitempty"`
}

// ClusterIdentity says which cluster a consumer is.
type ClusterIdentity struct {
	// identity tells the consumer's cluster from all others; usually the UID of its kube-system Namespace. The name
	// of the consumer's place follows from it.
	//
	// +optional
	Identity string `json:"identity,omitempty"`
	// prettyName is a name of the cluster for people.
	//
	// +optional
	PrettyName string `json:"prettyName,omitempty"`
}

// BindableResourcesRequestStatus is the backend's answer to a request.
type BindableResourcesRequestStatus struct {
	// phase is how far the request has come.
	//
	// +optional
	// +kubebuilder:default=Pending
	Phase Phase `json:"phase,omitempty"`
	// namespace is the contract namespace: the consumer's place on the provider.
	//
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// kubeconfigSecretRef names the Secret that the answer was written to.
	//
	// +optional
	KubeconfigSecretRef *LocalSecretKeyRef `json:"kubeconfigSecretRef,omitempty"`
	// completionTime is when the request succeeded or failed.
	//
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// conditions are set by the backend: Ready.
	//
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// BindableResourcesRequestList is a list of requests.
//
// +kubebuilder:object:root=true
type BindableResourcesRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the requests.
	Items []BindableResourcesRequest `json:"items"`
}
