// SPDX-License-Identifier: Apache-2.0

package v1alpha2

// Types of conditions. docs/reference/conditions.md lists which kind has which; a test keeps the two in step.
const (
	// ConditionReady sums up the other conditions of an object.
	ConditionReady = "Ready"

	// ConditionExportsReady, on an APIServiceExportRequest, says whether the export that was asked for is there.
	ConditionExportsReady = "ExportsReady"
	// ConditionPermissionClaim, on an APIServiceExportRequest or an APIServiceExportTemplate, says whether its permission
	// claims can be granted. On an APIServiceBinding, and mirrored on its APIServiceExport, it says which claims the
	// consumer refuses, and counts the objects that are shared and those that cannot be. It is no part of Ready there.
	ConditionPermissionClaim = "PermissionClaim"
	// ConditionResourcesFound, on an APIServiceExportTemplate, says whether all offered resources can be exported.
	ConditionResourcesFound = "ResourcesFound"
	// ConditionTemplatesFound, on a Collection, says whether all of its templates exist.
	ConditionTemplatesFound = "TemplatesFound"

	// ConditionProviderInSync, on an APIServiceExport, says whether schemas and permissions are in place, so that a
	// konnector can begin.
	ConditionProviderInSync = "ProviderInSync"
	// ConditionConnected says whether binding and export found each other. It is on APIServiceBinding, where the
	// konnector looks for the export, and on APIServiceExport, where it reports the binding.
	ConditionConnected = "Connected"
	// ConditionConsumerInSync, on an APIServiceExport, is the consumer's SchemaInSync.
	ConditionConsumerInSync = "ConsumerInSync"

	// ConditionHealthy, on a ClusterBinding, says whether the consumer's heartbeats come in time.
	ConditionHealthy = "Healthy"
	// ConditionSecretValid, on APIServiceBinding, APIServiceBindingBundle and ClusterBinding, says whether the
	// kubeconfig in the referenced Secret can be used.
	ConditionSecretValid = "SecretValid"
	// ConditionValidVersion, on a ClusterBinding, says whether the konnector knows its own version.
	ConditionValidVersion = "ValidVersion"

	// ConditionInformersSynced, on an APIServiceBinding, says whether the konnector has seen all objects of both sides.
	ConditionInformersSynced = "InformersSynced"
	// ConditionHeartbeating, on an APIServiceBinding, says whether the konnector gets its heartbeat to the provider.
	ConditionHeartbeating = "Heartbeating"
	// ConditionDraining, on an APIServiceBinding or an APIServiceBindingBundle that is being deleted, is True and says what
	// its end still waits for. A binding that drains is not ready. Not known upstream.
	ConditionDraining = "Draining"
	// ConditionSynced, on an APIServiceBindingBundle, says whether there is exactly one binding of the bundle for each
	// export of the provider.
	ConditionSynced = "Synced"
	// ConditionSchemaInSync, on an APIServiceBinding, says whether the consumer's CRDs are those of the provider.
	ConditionSchemaInSync = "SchemaInSync"
	// ConditionObjectsInSync, on an APIServiceBinding, says whether all objects are synced, and counts those that are
	// not. It is for information, and no part of Ready: one bad object does not make a binding bad. Not known upstream.
	ConditionObjectsInSync = "ObjectsInSync"
)

// Reasons that any condition can have.
const (
	// ReasonError means that something failed which is being tried again; the message says what.
	ReasonError = "Error"
	// ReasonPending means that somebody else's work is being waited for.
	ReasonPending = "Pending"
)

// Reasons why a request, a template or an export is refused or held up on the provider.
const (
	// ReasonNotOffered means that no template granted to the consumer covers all that the request asks for.
	ReasonNotOffered = "NotOffered"
	// ReasonIdentityTaken means that the place of this consumer identity belongs to another requester.
	ReasonIdentityTaken = "IdentityTaken"
	// ReasonIdentityMissing means that a request for a place names no consumer identity, or one that cannot be used.
	ReasonIdentityMissing = "IdentityMissing"
	// ReasonProviderGone means that the workspace of the provider, on kcp, does not bind kube-bind's API any more: what was
	// bound of it stays, and nobody looks after it.
	ReasonProviderGone = "ProviderGone"
	// ReasonSchemaNotFound means that the provider has no CRD of the resource, or does not offer it with the label
	// kube-bind.io/exported=true.
	ReasonSchemaNotFound = "SchemaNotFound"
	// ReasonSchemaInvalid means that the source schema cannot be given to consumers; the message says why.
	ReasonSchemaInvalid = "SchemaInvalid"
	// ReasonVersionNotFound means that the resource does not serve a version that was asked for; the message names
	// those that it serves.
	ReasonVersionNotFound = "VersionNotFound"
	// ReasonDifferentScopes means that cluster-scoped and namespaced resources were asked for together.
	ReasonDifferentScopes = "DifferentScopes"
	// ReasonScopeNotSupported means that the scope of a resource does not go with the provider's isolation or
	// informer scope.
	ReasonScopeNotSupported = "ScopeNotSupported"
	// ReasonInvalidPermissionClaim means that objects of a claimed resource cannot be shared.
	ReasonInvalidPermissionClaim = "InvalidPermissionClaim"
	// ReasonDuplicatePermissionClaim means that the same resource is claimed twice.
	ReasonDuplicatePermissionClaim = "DuplicatePermissionClaim"
	// ReasonExportConflict means that an export of the same name exists with another content.
	ReasonExportConflict = "ExportConflict"
	// ReasonExportNotReady means that the export is there, but not yet in place on the provider.
	ReasonExportNotReady = "ExportNotReady"
	// ReasonSchemaConflict means that another export of the same consumer holds the resource in another way.
	ReasonSchemaConflict = "SchemaConflict"
	// ReasonPermissionsNotReady means that the consumer's permissions for the export are not in place yet.
	ReasonPermissionsNotReady = "PermissionsNotReady"
	// ReasonTemplateNotFound means that the named template does not exist.
	ReasonTemplateNotFound = "TemplateNotFound"
	// ReasonTemplateNotReady means that the named template cannot be bound; its own conditions say why.
	ReasonTemplateNotReady = "TemplateNotReady"
	// ReasonNameTooLong means that a name gets longer than Kubernetes allows with the consumer's prefix.
	ReasonNameTooLong = "NameTooLong"
	// ReasonNameReserved means that a name is kept for Kubernetes or for kube-bind itself.
	ReasonNameReserved = "NameReserved"
	// ReasonNamespaceConflict means that the provider namespace exists and was not made for this consumer.
	ReasonNamespaceConflict = "NamespaceConflict"
	// ReasonNamespaceTerminating means that the provider namespace is still being deleted.
	ReasonNamespaceTerminating = "NamespaceTerminating"
)

// Reasons of the Ready condition of a BindableResourcesRequest.
const (
	// ReasonSecretReady means that the Secret with the answer is written.
	ReasonSecretReady = "SecretReady"
	// ReasonHandleResourcesFailed means that the place could not be made yet.
	ReasonHandleResourcesFailed = "HandleResourcesFailed"
	// ReasonSecretConflict means that the Secret to write the answer to exists and was not made for this request.
	ReasonSecretConflict = "SecretConflict"
	// ReasonExportFailed means that the APIServiceExportRequest of the template failed; the message says why.
	ReasonExportFailed = "ExportFailed"
)

// Reasons of the Healthy condition of a ClusterBinding.
const (
	// ReasonFirstHeartbeatPending means that no konnector reported yet.
	ReasonFirstHeartbeatPending = "FirstHeartbeatPending"
	// ReasonHeartbeatIntervalMissing means that the konnector does not say how often it means to report.
	ReasonHeartbeatIntervalMissing = "HeartbeatIntervalMissing"
	// ReasonHeartbeatTimeout means that the konnector has not reported for twice its interval.
	ReasonHeartbeatTimeout = "HeartbeatTimeout"
	// ReasonHeartbeatTimeDrift means that heartbeats come from the future: the consumer's clock is wrong, or ours.
	ReasonHeartbeatTimeDrift = "HeartbeatTimeDrift"
	// ReasonConsumerSilent means that the konnector has not reported for so long that the consumer is removed, as the
	// backend's flag --remove-silent-consumers-after asks for.
	ReasonConsumerSilent = "ConsumerSilent"
)

// Reasons of the conditions that a konnector sets on a ClusterBinding.
const (
	// ReasonProviderSecretNotFound means that the Secret named in the ClusterBinding does not exist.
	ReasonProviderSecretNotFound = "ProviderSecretNotFound"
	// ReasonProviderSecretInvalid means that the kubeconfig in this Secret cannot be used, or has more than another token
	// for the same server and place: it is not taken over.
	ReasonProviderSecretInvalid = "ProviderSecretInvalid"
	// ReasonParseError means that the konnector was built without a usable version.
	ReasonParseError = "ParseError"
)

// Reasons why the kubeconfig Secret of a binding or a bundle cannot be used.
const (
	// ReasonKubeconfigSecretNotFound means that the Secret does not exist.
	ReasonKubeconfigSecretNotFound = "KubeconfigSecretNotFound"
	// ReasonKubeconfigSecretInvalid means that the Secret lacks the named key, or holds something that is not a
	// kubeconfig with a current context, a server, a namespace and a credential.
	ReasonKubeconfigSecretInvalid = "KubeconfigSecretInvalid"
	// ReasonKubeconfigRefused means that the kubeconfig asks for something that a konnector does not do for others:
	// running a program, reading a file, using a proxy, or trusting any certificate.
	ReasonKubeconfigRefused = "KubeconfigRefused"
)

// Reasons why the provider cannot be reached or worked with.
const (
	// ReasonProviderUnreachable means that the provider's API server does not answer.
	ReasonProviderUnreachable = "ProviderUnreachable"
	// ReasonUnauthorized means that the provider does not accept the credential: it expired or was revoked.
	ReasonUnauthorized = "Unauthorized"
	// ReasonClusterBindingUpdateFailed means that the heartbeat could not be written.
	ReasonClusterBindingUpdateFailed = "ClusterBindingUpdateFailed"
	// ReasonInformersPending means that objects are still being read for the first time.
	ReasonInformersPending = "InformersPending"
)

// Reasons of the Connected condition of a binding or an export.
const (
	// ReasonAPIServiceExportNotFound means that the provider has no export of the binding's name for this consumer.
	ReasonAPIServiceExportNotFound = "APIServiceExportNotFound"
	// ReasonConsumerRemoved means that the provider has removed this consumer. What the consumer has is kept.
	ReasonConsumerRemoved = "ConsumerRemoved"
	// ReasonAPIServiceExportFailed means that the request for the export failed; the message is the provider's.
	ReasonAPIServiceExportFailed = "APIServiceExportFailed"
	// ReasonResourceWithdrawn means that the provider has made the export again without a resource of which the consumer still has the
	// CRD, and maybe objects. They are kept, and can be deleted; the rest of the export works.
	ReasonResourceWithdrawn = "ResourceWithdrawn"
	// ReasonIsolationChanged means that the provider has made the export again with another isolation, by which the copies of
	// cluster-scoped objects would lie elsewhere. Nothing of these is synced: they are kept, and can be deleted.
	ReasonIsolationChanged = "IsolationChanged"
)

// Reasons of the SchemaInSync condition of a binding, and of its mirror ConsumerInSync.
const (
	// ReasonBoundSchemaFetchFailed means that a BoundSchema of the export is missing, or could not be read.
	ReasonBoundSchemaFetchFailed = "BoundSchemaFetchFailed"
	// ReasonBoundSchemasNotValid means that a BoundSchema of the export is not one that a consumer should install; the
	// message says why.
	ReasonBoundSchemasNotValid = "BoundSchemasNotValid"
	// ReasonCustomResourceDefinitionCreateFailed means that the consumer's API server refused the CRD.
	ReasonCustomResourceDefinitionCreateFailed = "CustomResourceDefinitionCreateFailed"
	// ReasonCustomResourceDefinitionUpdateFailed means that the consumer's API server refused a change of the CRD.
	ReasonCustomResourceDefinitionUpdateFailed = "CustomResourceDefinitionUpdateFailed"
	// ReasonCustomResourceDefinitionNotEstablished means that the consumer's API server does not serve the CRD yet.
	ReasonCustomResourceDefinitionNotEstablished = "CustomResourceDefinitionNotEstablished"
	// ReasonSchemaIncompatible means that the provider's schema would break objects that the consumer has. The old one stays,
	// and objects go on syncing; the message names what would break.
	ReasonSchemaIncompatible = "SchemaIncompatible"
	// ReasonForeignCustomResourceDefinition means that the consumer has a CRD of that name which is not this binding's.
	ReasonForeignCustomResourceDefinition = "ForeignCustomResourceDefinition"
	// ReasonSchemaUnknown means that the consumer has not said anything about the schema yet.
	ReasonSchemaUnknown = "Unknown"
)

// Reasons of the PermissionClaim condition of a binding.
const (
	// ReasonClaimRefused means that the consumer refuses claims: nothing moves by them. The message names the resources.
	ReasonClaimRefused = "ClaimRefused"
	// ReasonReferenceNotBound means that a claim refers to objects by a resource that the export does not bind.
	ReasonReferenceNotBound = "ReferenceNotBound"
)

// Reasons of the InformersSynced, ObjectsInSync and PermissionClaim conditions of a binding.
const (
	// ReasonPermissionMissing means that the konnector lacks a right on a bound or a claimed resource. The message has the rule, and
	// the ClusterRole to add it to; if it is the provider that does not let it read, whom to ask. It goes on by itself then.
	// In ObjectsInSync it makes the binding unready, too. Not known upstream.
	ReasonPermissionMissing = "PermissionMissing"
)

// Reasons of the ObjectsInSync and PermissionClaim conditions of a binding.
const (
	// ReasonObjectsFailing means that some objects cannot be synced or shared; the message counts them.
	ReasonObjectsFailing = "ObjectsFailing"
)

// Reasons of the Synced condition of a bundle.
const (
	// ReasonListExportsFailed means that it is not known what the provider exports, since it cannot be reached or does not
	// accept the credential. Nothing is bound or unbound meanwhile.
	ReasonListExportsFailed = "ListExportsFailed"
	// ReasonSyncErrors means that bindings could not be made, changed or deleted; it is being tried again.
	ReasonSyncErrors = "SyncErrors"
	// ReasonBindingConflict means that there is a binding of an export's name which is not this bundle's. It is left alone.
	ReasonBindingConflict = "BindingConflict"
	// ReasonExportsWithdrawn means that the provider has withdrawn exports whose objects are still here, and that the bundle
	// does not say whether to unbind them. The bindings are kept.
	ReasonExportsWithdrawn = "ExportsWithdrawn"
)

// Reasons of the Draining condition of a binding or a bundle.
const (
	// ReasonInvalidDeletionPolicy means that the annotation kube-bind.io/deletion-policy has a value that is not known.
	// Nothing is unbound before that is put right.
	ReasonInvalidDeletionPolicy = "InvalidDeletionPolicy"
	// ReasonUnbinding means that bindings or objects are on their way out: the message says how many are left.
	ReasonUnbinding = "Unbinding"
	// ReasonUnbindingBlocked means that the way out needs the provider, which cannot be reached; the message says how to do
	// without.
	ReasonUnbindingBlocked = "UnbindingBlocked"
)

// Reasons of Events about a Secret that encloses bindings.
const (
	// ReasonEnclosedBindingsFailed means that the bindings in its annotation kube-bind.io/bindings cannot be made; the message
	// says why.
	ReasonEnclosedBindingsFailed = "EnclosedBindingsFailed"
)
