// SPDX-License-Identifier: Apache-2.0

package v1alpha2

// Annotations that mark an object copied to a provider. A copy is only ever read, changed or deleted by the
// konnector whose place and cluster these name.
const (
	// ClusterNamespaceAnnotation names the contract namespace whose consumer owns a copy on the provider.
	ClusterNamespaceAnnotation = "kube-bind.io/cluster-namespace"
	// ConsumerClusterAnnotation is the UID of the consumer cluster (of its kube-system Namespace) that made a copy.
	// It tells a re-created consumer cluster from the one that was there before. Not known upstream.
	ConsumerClusterAnnotation = "kube-bind.io/consumer-cluster"
	// ConsumerNamespaceAnnotation is the namespace of the consumer object that a copy stands for.
	ConsumerNamespaceAnnotation = "kube-bind.io/consumer-namespace"
	// ConsumerUIDAnnotation is the UID of the consumer object that a copy stands for.
	ConsumerUIDAnnotation = "kube-bind.io/consumer-uid"
	// AppliedHashAnnotation is the hash of the content last applied to a copy. Not known upstream.
	AppliedHashAnnotation = "kube-bind.io/applied-hash"

	// ProviderNamespaceAnnotation and ProviderUIDAnnotation name the provider's object that a claimed object in the consumer
	// is a copy of. Upstream konnectors put them on synced objects as well.
	ProviderNamespaceAnnotation = "kube-bind.io/provider-namespace"
	// ProviderUIDAnnotation is described at ProviderNamespaceAnnotation.
	ProviderUIDAnnotation = "kube-bind.io/provider-uid"
	// PlaceUIDAnnotation, on a claimed object in the consumer that is a copy, is the UID of the ClusterBinding of the place
	// that it came from. Only the connection to that place changes or deletes it. Not known upstream.
	PlaceUIDAnnotation = "kube-bind.io/place-uid"
)

// Annotations on objects of the consumer that say which of several bindings of their resource carries them.
const (
	// ProviderAnnotation, on an object or its namespace, names the provider that the object is to be carried to, by what
	// its binding calls it. Not known upstream.
	ProviderAnnotation = "kube-bind.io/provider"
	// CarriedByAnnotation is the name of the binding that carries an object. It comes with SyncerFinalizer. Not known
	// upstream.
	CarriedByAnnotation = "kube-bind.io/carried-by"
)

// Annotations and labels on the provider's own objects.
const (
	// IdentityAnnotation is the consumer's identity, on a contract namespace and its ClusterBinding.
	IdentityAnnotation = "backend.kube-bind.io/identity"
	// LegacyIdentityAnnotation is the key that IdentityAnnotation had before.
	LegacyIdentityAnnotation = "example-backend.kube-bind.io/identity"
	// AuthorAnnotation says who asked for a place: for audit only.
	AuthorAnnotation = "backend.kube-bind.io/author"
	// RequesterAnnotation, on a contract namespace, is the trust domain that its place belongs to: only requests
	// from there are handed the place's credential. Not known upstream.
	RequesterAnnotation = "backend.kube-bind.io/requester"
	// ClusterPrettyNameAnnotation, on a ClusterBinding, is a name of the consumer cluster for people.
	ClusterPrettyNameAnnotation = "backend.kube-bind.io/cluster-pretty-name"
	// SourceSpecHashAnnotation, on BoundSchemas and APIServiceExports, is the hash of the source schema.
	SourceSpecHashAnnotation = "kube-bind.io/source-spec-hash"
	// SchemaUpdatePolicyAnnotation, on an APIServiceExport, is the update policy of the request it came from.
	// Not known upstream.
	SchemaUpdatePolicyAnnotation = "kube-bind.io/schema-update-policy"
	// SchemaChangedAnnotation, on a consumer's CRD, is when the schemas of its versions were last changed: a JSON object of
	// times in RFC 3339 by version. Not known upstream.
	SchemaChangedAnnotation = "kube-bind.io/schema-changed"
	// SchemaNoticeAnnotation, on a BoundSchema, says what of the source is not offered, and why. Not known upstream.
	SchemaNoticeAnnotation = "kube-bind.io/schema-notice"
	// APIServiceNamespaceAnnotation, on a provider namespace, is the "<namespace>/<name>" of the APIServiceNamespace
	// it was made for. A namespace without it is never deleted.
	APIServiceNamespaceAnnotation = "kube-bind.io/api-service-namespace"

	// AllowAdoptionAnnotation, on a namespace that the provider made itself, lends it to consumers with isolation None: the
	// contract namespaces of those, with commas in between. Without it no such namespace is used. Not known upstream.
	AllowAdoptionAnnotation = "kube-bind.io/allow-adoption"

	// RenewAtAnnotation, on the kubeconfig Secret of a place, is when its token is renewed (RFC 3339). Without it that is
	// at once. Not known upstream.
	RenewAtAnnotation = "kube-bind.io/renew-at"
	// DeleteAtAnnotation, on the Secret of a token without expiry, is when it is deleted (RFC 3339), as another token has taken
	// its place. Not known upstream.
	DeleteAtAnnotation = "kube-bind.io/delete-at"

	// DeletionPolicyAnnotation, on an APIServiceBinding or APIServiceBindingBundle, says what becomes of the copies on the
	// provider when it is deleted: DeletionPolicyDelete or DeletionPolicyOrphan. Not known upstream.
	DeletionPolicyAnnotation = "kube-bind.io/deletion-policy"
	// DeletionPolicyDelete removes the copies, and waits until they are gone. It is the default.
	DeletionPolicyDelete = "Delete"
	// DeletionPolicyOrphan leaves the copies as they are.
	DeletionPolicyOrphan = "Orphan"
	// OrphanedAnnotation with the value "true", on a copy, says that it was left behind by an unbinding with
	// DeletionPolicyOrphan: it is not deleted for want of a consumer object. A consumer object of its name takes it over.
	// Not known upstream.
	OrphanedAnnotation = "kube-bind.io/orphaned"
	// ForceUnbindAnnotation with the value "true", on an APIServiceBinding that is being deleted, ends the wait for a
	// provider that does not answer: what it holds stays there. Not known upstream.
	ForceUnbindAnnotation = "kube-bind.io/force-unbind"

	// ExportedLabel with the value "true" offers a CRD of the provider for export.
	ExportedLabel = "kube-bind.io/exported"
	// Exported is the value of ExportedLabel that counts.
	Exported = "true"
	// ProviderKubeconfigLabel with the value "true" marks a consumer Secret that holds a provider's kubeconfig.
	ProviderKubeconfigLabel = "kube-bind.io/provider-kubeconfig"
	// BindingsAnnotation, on such a Secret in the konnector's namespace, is a list of APIServiceBindings in YAML that the
	// konnector makes with it. Not known upstream.
	BindingsAnnotation = "kube-bind.io/bindings"
	// BindingsMadeAnnotation, on such a Secret, is the hash of BindingsAnnotation when its bindings were made. Not known
	// upstream.
	BindingsMadeAnnotation = "kube-bind.io/bindings-made"
	// OwnerLabel says which side an object comes from: "provider" or "consumer".
	OwnerLabel = "kube-bind.io/owner"
	// OwnerProvider is the value of OwnerLabel for what comes from the provider.
	OwnerProvider = "provider"
	// OwnerConsumer is the value of OwnerLabel for what comes from the consumer.
	OwnerConsumer = "consumer"
	// ContractNamespaceLabel, on RBAC objects and provider namespaces, is the contract namespace of the one consumer
	// they are for. Not known upstream.
	ContractNamespaceLabel = "kube-bind.io/contract-namespace"
	// ExportLabel, on RBAC objects, is the name of the APIServiceExport that they are for. Not known upstream.
	ExportLabel = "kube-bind.io/export"
)

// AnnotationDomain is the domain of annotation and label keys that belong to kube-bind (itself and its subdomains);
// they never travel.
const AnnotationDomain = "kube-bind.io"

const (
	// SyncerFinalizer is on every consumer object that has, or is about to have, a copy on the provider.
	// The missing hyphen is upstream's.
	SyncerFinalizer = "kubebind.io/syncer"
	// BindingFinalizer is on every APIServiceBinding, until the CRDs that it brought are gone, with all their objects and
	// copies. Not known upstream.
	BindingFinalizer = "kube-bind.io/unbind"
	// BundleFinalizer is on every APIServiceBindingBundle, until its bindings are gone. Not known upstream.
	BundleFinalizer = "kube-bind.io/unbind-bundle"
	// PlaceFinalizer is on every ClusterBinding, until all that its consumer had at the provider is gone. Not known upstream.
	PlaceFinalizer = "kube-bind.io/place"
	// FieldManager is the field manager of everything that kube-bind applies.
	FieldManager = "kube-bind.io"
)

// Names of the objects in a contract namespace and of the konnector's own place.
const (
	// ClusterBindingName is the name of the ClusterBinding of each place.
	ClusterBindingName = "cluster"
	// BinderName is the name of a place's ServiceAccount, of the Secret with its token if that has no expiry, and of its Role
	// and RoleBinding.
	BinderName = "kube-binder"
	// KubeconfigSecretName is the name of the Secret of a place that holds the consumer's kubeconfig.
	KubeconfigSecretName = "kubeconfig"
	// KubeconfigSecretKey is the key of a kubeconfig in a Secret unless a reference says otherwise.
	KubeconfigSecretKey = "kubeconfig"
	// BindingResponseSecretSuffix and BindingResponseKey name the Secret that answers a BindableResourcesRequest.
	BindingResponseSecretSuffix = "-binding-response"
	// BindingResponseKey is described at BindingResponseSecretSuffix.
	BindingResponseKey = "binding-response"
	// ConsumerNamespace is the namespace of the konnector and its kubeconfig Secrets in a consumer cluster.
	ConsumerNamespace = "kube-bind"
)
