// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// coreGroup is how people write the API group of Secrets and ConfigMaps, whose name is empty.
const coreGroup = "core"

// GroupResource names a resource without its version.
type GroupResource struct {
	// group is the API group. Empty, or "core", is the group of Secrets and ConfigMaps.
	//
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:Pattern=`^(|[a-z0-9]([-a-z0-9]*[a-z0-9](\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?)$`
	Group string `json:"group,omitempty"`
	// resource is the plural, lower-case name of the resource, as in a URL.
	//
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z][-a-z0-9]*[a-z0-9]$`
	Resource string `json:"resource"`
}

// APIGroup returns the group as the API server knows it: "" also where "core" was written.
func (r GroupResource) APIGroup() string {
	if r.Group == coreGroup {
		return ""
	}
	return r.Group
}

// GroupResource returns the resource in the API server's own terms.
func (r GroupResource) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.APIGroup(), Resource: r.Resource}
}

// ResourceGroupName returns "<resource>.<group>", with "core" for the empty group. It is the name of the BoundSchema
// of the resource.
func (r GroupResource) ResourceGroupName() string {
	if r.APIGroup() == "" {
		return r.Resource + "." + coreGroup
	}
	return r.Resource + "." + r.Group
}

// String returns "<resource>.<group>", or only the resource for the empty group.
func (r GroupResource) String() string {
	gr := r.GroupResource()
	return gr.String()
}

// ExportedResource is a resource that is offered, asked for, or exported.
type ExportedResource struct {
	GroupResource `json:",inline"`

	// versions are the versions meant. None means every version that the resource serves.
	//
	// +optional
	Versions []string `json:"versions,omitempty"`
}

// PermissionClaim asks the consumer to share objects of a resource that is not exported itself, such as the Secrets
// that exported objects refer to.
type PermissionClaim struct {
	GroupResource `json:",inline"`

	// selector says which objects are shared. An empty selector selects none.
	//
	// +required
	// +kubebuilder:default={}
	Selector Selector `json:"selector"`
}

// ClaimableResources are the resources of Kubernetes itself that can be claimed, all of the core group in version v1:
// surface 1.2. Beside them an export's claims can be on the resources that it exports.
func ClaimableResources() []string { return []string{"configmaps", "secrets", "serviceaccounts"} }

// Claimable says whether an export can have a claim on a resource, when it exports these.
func Claimable(resource GroupResource, exported []ExportedResource) bool {
	return resource.APIGroup() == "" && slices.Contains(ClaimableResources(), resource.Resource) ||
		slices.ContainsFunc(exported, func(r ExportedResource) bool { return r.GroupResource.GroupResource() == resource.GroupResource() })
}

// Selector selects objects: those that match any of its parts. An empty selector selects nothing.
type Selector struct {
	// labelSelector selects objects by their labels.
	//
	// +optional
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// namedResources selects objects by name.
	//
	// +optional
	NamedResources []NamedResource `json:"namedResources,omitempty"`
	// references selects objects that exported objects refer to by name.
	//
	// +optional
	References []SelectorReference `json:"references,omitempty"`
}

// NamedResource selects one object by its name.
type NamedResource struct {
	// name is the object's name.
	//
	// +required
	Name string `json:"name"`
	// namespace is the object's namespace in the consumer. Empty means any namespace.
	//
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// SelectorReference finds the names of objects inside other objects.
type SelectorReference struct {
	GroupResource `json:",inline"`

	// versions are the versions of the referring resource that the paths are meant for. None means any.
	//
	// +optional
	Versions []string `json:"versions,omitempty"`
	// jsonPath says where in a referring object names are found.
	//
	// +required
	JSONPath ReferencePath `json:"jsonPath"`
}

// ReferencePath holds the paths of a name and a namespace within a referring object. Paths are written with dots, and
// with "#" for every element of a list: "spec.secretRefs.#.name".
type ReferencePath struct {
	// name is the path of the referred object's name.
	//
	// +optional
	Name string `json:"name,omitempty"`
	// namespace is the path of the referred object's namespace. Empty means the namespace of the referring object.
	//
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// Namespace is a namespace that a service brings along on both sides.
type Namespace struct {
	// name is the namespace's name in the consumer.
	//
	// +required
	Name string `json:"name"`
	// description tells people what the namespace is for. It has no effect.
	//
	// +optional
	Description string `json:"description,omitempty"`
}

// InformerScope says how widely a konnector may watch.
//
// +kubebuilder:validation:Enum=Cluster;Namespaced
type InformerScope string

const (
	// ClusterScope lets a konnector watch a resource over all namespaces at once.
	ClusterScope InformerScope = "Cluster"
	// NamespacedScope lets a konnector watch a resource in its own consumer's namespaces only. Cluster-scoped
	// resources cannot be exported this way.
	NamespacedScope InformerScope = "Namespaced"
)

// Isolation says how the objects of many consumers are kept apart on one provider.
//
// +kubebuilder:validation:Enum=Prefixed;Namespaced;None
type Isolation string

const (
	// IsolationPrefixed gives each consumer namespace a provider namespace of its own, named with the contract
	// namespace in front, and puts the contract namespace in front of the names of cluster-scoped objects.
	IsolationPrefixed Isolation = "Prefixed"
	// IsolationNamespaced offers a namespaced resource of the provider as a cluster-scoped one: all objects of a
	// consumer lie in its contract namespace under their own names.
	IsolationNamespaced Isolation = "Namespaced"
	// IsolationNone changes no names. It is for providers with a single consumer.
	IsolationNone Isolation = "None"
)

// SchemaUpdatePolicy says whether an export follows later changes of the source schema.
//
// +kubebuilder:validation:Enum=Never;Always
type SchemaUpdatePolicy string

const (
	// SchemaUpdateNever keeps the schema as it was when the export was made. It is the default.
	SchemaUpdateNever SchemaUpdatePolicy = "Never"
	// SchemaUpdateAlways brings every change of the source schema to the consumer.
	SchemaUpdateAlways SchemaUpdatePolicy = "Always"
)

// Phase is how far a request has come. It never leaves Failed or Succeeded again.
//
// +kubebuilder:validation:Enum=Pending;Failed;Succeeded
type Phase string

const (
	// PhasePending means that the request is being worked on, or was not seen yet.
	PhasePending Phase = "Pending"
	// PhaseFailed means that the request cannot be fulfilled; the conditions say why.
	PhaseFailed Phase = "Failed"
	// PhaseSucceeded means that what was asked for is there.
	PhaseSucceeded Phase = "Succeeded"
)

// LocalSecretKeyRef names a key of a Secret in the namespace of the object that holds the reference.
type LocalSecretKeyRef struct {
	// name is the Secret's name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// key is the key in the Secret's data.
	//
	// +required
	Key string `json:"key"`
}

// ClusterSecretKeyRef names a key of a Secret in any namespace.
type ClusterSecretKeyRef struct {
	LocalSecretKeyRef `json:",inline"`

	// namespace is the Secret's namespace.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Namespace string `json:"namespace"`
}

// SecretRef names a Secret.
type SecretRef struct {
	// name is the Secret's name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// namespace is the Secret's namespace.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Namespace string `json:"namespace"`
}
