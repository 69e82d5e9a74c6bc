// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/schema"
)

// Facts are what is known of a binding.
type Facts struct {
	// Binding is the binding itself.
	Binding *kubebindv1alpha2.APIServiceBinding
	// Now is the time.
	Now time.Time
	// Secret is what is wrong with the kubeconfig Secret. If it is set, there is no session and nothing below is known.
	Secret *connection.Problem
	// Health is that of the session. Unless it is synced, Export, Request and Resources are not known.
	Health connection.Health
	// Export is the binding's APIServiceExport, nil if there is none.
	Export *kubebindv1alpha2.APIServiceExport
	// Request is the APIServiceExportRequest of the same name, nil if there is none.
	Request *kubebindv1alpha2.APIServiceExportRequest
	// Resources are those of the export, and those that the binding brought before.
	Resources []ResourceFacts
	// Progress is that of the syncers.
	Progress connection.Progress
	// Lacks are the rights that the konnector lacks here, as far as anything was refused for want of one.
	Lacks []Lack
}

// ResourceFacts are what is known of one resource.
type ResourceFacts struct {
	// Name is the resource.
	Name kubebindv1alpha2.GroupResource
	// Bound is its BoundSchema, nil if there is none.
	Bound *kubebindv1alpha2.BoundSchema
	// Step is what was to be done about its CRD.
	Step schema.Step
	// CRD is this binding's CRD as it is now, nil if there is none. It may be others' as well.
	CRD *apiextensionsv1.CustomResourceDefinition
	// Carried is the isolation by which copies of its objects lie where they do; empty if there are none, or if it is namespaced.
	Carried kubebindv1alpha2.Isolation
	// Table are all bindings of the resource.
	Table routing.Table
	// Err is what the API server said against the CRD.
	Err error
}

// Decision is what follows from Facts.
type Decision struct {
	// Status is what the binding's status should be.
	Status kubebindv1alpha2.APIServiceBindingStatus
	// Known says that Sync is what should be synced. Otherwise what runs is to be left as it is.
	Known bool
	// Sync is what should be synced.
	Sync []connection.Resource
	// Again is when to decide anew at the latest; 0 is when something happens.
	Again time.Duration
	// ClaimsKnown says that Claims is what should be shared. Otherwise what runs is to be left as it is.
	ClaimsKnown bool
	// Claims is what should be shared.
	Claims []connection.Claim
}

// Decide is pure: the same facts give the same decision.
func Decide(f Facts) Decision {
	d := Decision{Status: *f.Binding.Status.DeepCopy(), Known: f.Secret == nil && f.Health.Synced}
	if d.Known {
		d.Sync, d.Again = resourcesToSync(f), again(f)
		d.Status.BoundSchemas = boundSchemas(f)
		d.Claims, d.ClaimsKnown = claimsToFollow(f)
	}
	if f.Export != nil {
		d.Status.PermissionClaims, _ = consented(f)
	}
	if f.Health.PrettyName != "" {
		d.Status.ProviderPrettyName = f.Health.PrettyName
	}
	for _, c := range []kubebindv1alpha2.Condition{
		secretValid(f), heartbeating(f), connected(f), schemaInSync(f), informersSynced(f, len(d.Sync)), objectsInSync(f), permissionClaim(f),
	} {
		kubebindv1alpha2.SetCondition(&d.Status.Conditions, c)
	}
	// One object that cannot be synced does not make the binding unready, and neither does a claim that is refused. That no object can
	// be synced, for want of a right, does.
	beside := []string{kubebindv1alpha2.ConditionPermissionClaim}
	if objects := kubebindv1alpha2.FindCondition(d.Status.Conditions, kubebindv1alpha2.ConditionObjectsInSync); objects.Reason != kubebindv1alpha2.ReasonPermissionMissing {
		beside = append(beside, kubebindv1alpha2.ConditionObjectsInSync)
	}
	kubebindv1alpha2.SetSummary(&d.Status.Conditions, beside...)
	return d
}

func resourcesToSync(f Facts) []connection.Resource {
	var out []connection.Resource
	for _, r := range f.Resources {
		if r.CRD == nil || !schema.Established(r.CRD) {
			continue
		}
		crd := r.agreed(f.Binding.Name)
		version, ok := schema.SyncedVersion(crd)
		if !ok {
			continue
		}
		resource := connection.Resource{
			GVR:        runtimeschema.GroupVersionResource{Group: r.Name.Group, Version: version.Name, Resource: r.Name.Resource},
			Served:     servedVersions(crd, f.Now),
			Namespaced: r.CRD.Spec.Scope == apiextensionsv1.NamespaceScoped,
			Withdrawn:  withdrawn(f, r.Name),
			Table:      r.Table,
		}
		if !resource.Withdrawn {
			resource.Isolation = f.Export.Spec.Isolation
			resource.ClusterWide = f.Export.Spec.InformerScope == kubebindv1alpha2.ClusterScope
			if misplaced(f, r) {
				resource.Was = r.Carried
			}
		}
		out = append(out, resource)
	}
	return out
}

// agreed is the CRD, in which only those versions are served that the provider serves as well. Where it has the binding's
// own schema, that is so anyway.
func (r ResourceFacts) agreed(binding string) *apiextensionsv1.CustomResourceDefinition {
	if r.Bound == nil || len(r.Table.Members) == 0 || r.Table.Members[0].Binding == binding {
		return r.CRD
	}
	out := *r.CRD
	out.Spec.Versions = slices.Clone(out.Spec.Versions)
	for i := range out.Spec.Versions {
		v := &out.Spec.Versions[i]
		v.Served = v.Served && slices.ContainsFunc(r.Bound.Spec.Versions, func(b kubebindv1alpha2.BoundSchemaVersion) bool {
			return b.Name == v.Name && b.Served
		})
	}
	return &out
}

// refusedAgain is how soon a CRD is tried again that this API server refused. No event tells when its mind changes: a
// policy or a right that forbade it can go at any time. Nor does one tell when the last object with a misplaced copy is gone.
const refusedAgain = 10 * time.Second

// again is when the next of the versions whose schemas were changed lately counts as older, or when to try again what was
// refused.
func again(f Facts) time.Duration {
	if slices.ContainsFunc(f.Lacks, func(l Lack) bool { return l.matters(f) }) {
		return refusedAgain
	}
	var out time.Duration
	for _, r := range f.Resources {
		if r.Err != nil || misplaced(f, r) {
			return refusedAgain
		}
		if r.CRD == nil {
			continue
		}
		for _, v := range r.CRD.Spec.Versions {
			if _, left := schema.Settling(r.CRD, v.Name, f.Now); left > 0 && (out == 0 || left < out) {
				out = left
			}
		}
	}
	return out
}

// servedVersions are the versions that a CRD serves.
func servedVersions(crd *apiextensionsv1.CustomResourceDefinition, now time.Time) map[string]connection.Version {
	out := map[string]connection.Version{}
	for _, v := range crd.Spec.Versions {
		if !v.Served {
			continue
		}
		read := schema.VersionHash(v)
		if stage, _ := schema.Settling(crd, v.Name, now); stage > 0 {
			read += fmt.Sprintf(" %d", stage)
		}
		out[v.Name] = connection.Version{Status: v.Subresources != nil && v.Subresources.Status != nil, Schema: read}
	}
	return out
}

// boundSchemas also remembers what was brought before: when the export does not have it any more it is all that says which CRDs are ours.
func boundSchemas(f Facts) []kubebindv1alpha2.BoundSchemaReference {
	var out []kubebindv1alpha2.BoundSchemaReference
	for _, r := range f.Resources {
		if r.CRD != nil {
			out = append(out, kubebindv1alpha2.BoundSchemaReference{GroupResource: r.Name, Isolation: isolationOf(f, r)})
		}
	}
	return out
}

func secretValid(f Facts) kubebindv1alpha2.Condition {
	switch {
	case f.Secret == nil:
		return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSecretValid)
	case f.Secret.Reason == kubebindv1alpha2.ReasonPending:
		return kubebindv1alpha2.UnknownCondition(kubebindv1alpha2.ConditionSecretValid, f.Secret.Reason, f.Secret.Message)
	}
	return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionSecretValid, f.Secret.Reason, kubebindv1alpha2.SeverityError, f.Secret.Message)
}

func heartbeating(f Facts) kubebindv1alpha2.Condition {
	switch {
	case f.Secret != nil:
		return waiting(kubebindv1alpha2.ConditionHeartbeating)
	case f.Health.Heartbeat != nil:
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionHeartbeating, f.Health.Heartbeat.Reason,
			kubebindv1alpha2.SeverityWarning, f.Health.Heartbeat.Message)
	case !f.Health.Beaten:
		return kubebindv1alpha2.UnknownCondition(kubebindv1alpha2.ConditionHeartbeating, kubebindv1alpha2.ReasonPending,
			"The first heartbeat has not been written yet.")
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionHeartbeating)
}

func connected(f Facts) kubebindv1alpha2.Condition {
	no := func(reason string, severity kubebindv1alpha2.ConditionSeverity, format string, args ...any) kubebindv1alpha2.Condition {
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionConnected, reason, severity, fmt.Sprintf(format, args...))
	}
	switch name := f.Binding.Export(); {
	case removed(f):
		return no(kubebindv1alpha2.ReasonConsumerRemoved, kubebindv1alpha2.SeverityError, "The provider has removed this cluster as a consumer, with all "+
			"that it had there. Objects here are kept, and changes go nowhere. To bind again, ask the provider for a new kubeconfig and put it in Secret %s; "+
			"to remove the API and its objects, delete this binding.", secretName(f.Binding))
	case f.Secret != nil:
		return waiting(kubebindv1alpha2.ConditionConnected)
	case f.Health.Provider != nil && f.Health.Provider.Reason == kubebindv1alpha2.ReasonUnauthorized:
		return no(f.Health.Provider.Reason, kubebindv1alpha2.SeverityError, "%s", f.Health.Provider.Message)
	case f.Health.Provider != nil:
		return no(f.Health.Provider.Reason, kubebindv1alpha2.SeverityWarning, "%s", f.Health.Provider.Message)
	case !f.Health.Synced:
		return no(kubebindv1alpha2.ReasonPending, kubebindv1alpha2.SeverityInfo, "The provider's objects are being read.")
	case f.Export == nil && f.Request != nil && f.Request.Status.Phase == kubebindv1alpha2.PhaseFailed:
		return no(kubebindv1alpha2.ReasonAPIServiceExportFailed, kubebindv1alpha2.SeverityError,
			"The provider refused the request %s: %s", name, f.Request.Status.TerminalMessage)
	case f.Export == nil:
		return no(kubebindv1alpha2.ReasonAPIServiceExportNotFound, kubebindv1alpha2.SeverityError,
			"The provider has no APIServiceExport %s for this cluster. The binding must have the export's name, or name it in spec.exportName; if it was there before, "+
				"the provider has withdrawn it, and objects here are kept.", name)
	case !providerReady(f.Export) && len(f.Binding.Status.BoundSchemas) == 0:
		return no(kubebindv1alpha2.ReasonExportNotReady, kubebindv1alpha2.SeverityInfo, "The provider is still preparing the export.")
	}
	if message := misplacedResources(f); message != "" {
		return no(kubebindv1alpha2.ReasonIsolationChanged, kubebindv1alpha2.SeverityError, "%s", message)
	}
	unbound := f
	unbound.Resources = slices.DeleteFunc(slices.Clone(f.Resources), ResourceFacts.behind)
	if c := worstResource(unbound, kubebindv1alpha2.ConditionConnected); c != nil {
		return *c
	}
	if message := withdrawnResources(f); message != "" {
		return no(kubebindv1alpha2.ReasonResourceWithdrawn, kubebindv1alpha2.SeverityWarning, "%s", message)
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionConnected)
}

// removed says that the provider has removed this consumer. What was known once stays known, also over a restart, until a
// heartbeat gets through: the credential goes as well, and then nothing can be asked any more.
func removed(f Facts) bool {
	was := kubebindv1alpha2.FindCondition(f.Binding.Status.Conditions, kubebindv1alpha2.ConditionConnected)
	return f.Health.Removed || was != nil && was.Reason == kubebindv1alpha2.ReasonConsumerRemoved && !f.Health.Beaten
}

func secretName(binding *kubebindv1alpha2.APIServiceBinding) string {
	return binding.Spec.KubeconfigSecretRef.Namespace + "/" + binding.Spec.KubeconfigSecretRef.Name
}

// providerReady says whether schemas and permissions are in place. Before that, watches would only be refused.
func providerReady(export *kubebindv1alpha2.APIServiceExport) bool {
	return kubebindv1alpha2.IsTrue(export.Status.Conditions, kubebindv1alpha2.ConditionProviderInSync)
}

// worstResource is the first thing that keeps a resource from being bound, as a condition of the given type.
func worstResource(f Facts, conditionType string) *kubebindv1alpha2.Condition {
	for _, r := range offered(f) {
		reason, message, severity := r.problem()
		if reason != "" {
			c := kubebindv1alpha2.FalseCondition(conditionType, reason, severity, message)
			return &c
		}
	}
	return nil
}

// behind says that the resource is bound with an older schema, because the new one could not be applied.
func (r ResourceFacts) behind() bool {
	refused := r.Step.Verdict == schema.Breaking || r.Step.Verdict == schema.Update && r.Err != nil
	return refused && r.CRD != nil && schema.Established(r.CRD)
}

func (r ResourceFacts) problem() (reason, message string, severity kubebindv1alpha2.ConditionSeverity) {
	switch {
	case r.Bound == nil:
		return kubebindv1alpha2.ReasonBoundSchemaFetchFailed,
			fmt.Sprintf("The provider has not published the schema of %s.", r.Name.ResourceGroupName()), kubebindv1alpha2.SeverityError
	case r.Step.Verdict == schema.Invalid:
		return kubebindv1alpha2.ReasonBoundSchemasNotValid, r.Step.Message, kubebindv1alpha2.SeverityError
	case r.Step.Verdict == schema.Breaking:
		return kubebindv1alpha2.ReasonSchemaIncompatible, r.Step.Message, kubebindv1alpha2.SeverityWarning
	case r.Step.Verdict == schema.Unjoinable:
		return kubebindv1alpha2.ReasonSchemaIncompatible, r.Step.Message, kubebindv1alpha2.SeverityError
	case r.Step.Verdict == schema.Foreign:
		return kubebindv1alpha2.ReasonForeignCustomResourceDefinition, r.Step.Message, kubebindv1alpha2.SeverityError
	case r.Err != nil && r.Step.Verdict == schema.Create:
		return kubebindv1alpha2.ReasonCustomResourceDefinitionCreateFailed, r.Err.Error(), kubebindv1alpha2.SeverityError
	case r.Err != nil:
		return kubebindv1alpha2.ReasonCustomResourceDefinitionUpdateFailed, r.Err.Error(), kubebindv1alpha2.SeverityError
	case r.Step.Verdict == schema.Terminating:
		return kubebindv1alpha2.ReasonCustomResourceDefinitionNotEstablished, r.Step.Message, kubebindv1alpha2.SeverityInfo
	case r.CRD == nil || !schema.Established(r.CRD):
		return kubebindv1alpha2.ReasonCustomResourceDefinitionNotEstablished,
			fmt.Sprintf("This cluster does not serve %s yet.", r.Name.ResourceGroupName()), kubebindv1alpha2.SeverityInfo
	}
	return "", "", ""
}

func schemaInSync(f Facts) kubebindv1alpha2.Condition {
	if f.Secret != nil || !f.Health.Synced || f.Export == nil {
		return unchanged(f, kubebindv1alpha2.ConditionSchemaInSync)
	}
	if c := worstResource(f, kubebindv1alpha2.ConditionSchemaInSync); c != nil {
		return *c
	}
	if len(f.Resources) == 0 {
		return unchanged(f, kubebindv1alpha2.ConditionSchemaInSync)
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSchemaInSync)
}

func informersSynced(f Facts, wanted int) kubebindv1alpha2.Condition {
	missing := lacking(f, func(l Lack) bool { return !l.Claimed && l.reads() })
	theirs := deniedThere(f)
	answers := f.Health.Synced && f.Health.Provider == nil // one that is away lets nothing be read whatever it said before
	switch {
	case f.Secret != nil:
		return waiting(kubebindv1alpha2.ConditionInformersSynced)
	case missing != "":
		return permissionMissing(kubebindv1alpha2.ConditionInformersSynced, missing)
	case answers && f.Progress.Synced < f.Progress.Running && theirs != "":
		return permissionMissing(kubebindv1alpha2.ConditionInformersSynced, fmt.Sprintf("The provider does not let this cluster read %s: it gives the rights "+
			"for an export itself, and the conditions of its APIServiceExport %s say what is wrong. %s", theirs, f.Binding.Export(), f.Progress.WatchError))
	case !f.Health.Synced, wanted == 0, f.Progress.Running < wanted, f.Progress.Synced < f.Progress.Running:
		message := fmt.Sprintf("%d of %d resources are being watched on both sides.", f.Progress.Synced, wanted)
		if f.Progress.WatchError != "" {
			message += " " + f.Progress.WatchError
		}
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionInformersSynced, kubebindv1alpha2.ReasonInformersPending,
			kubebindv1alpha2.SeverityInfo, message)
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionInformersSynced)
}

// permissionMissing is a condition that waits for somebody to give a right; it is tried again all the time.
func permissionMissing(conditionType, message string) kubebindv1alpha2.Condition {
	return kubebindv1alpha2.FalseCondition(conditionType, kubebindv1alpha2.ReasonPermissionMissing, kubebindv1alpha2.SeverityWarning, strings.TrimSpace(message))
}

func objectsInSync(f Facts) kubebindv1alpha2.Condition {
	message := kubebindv1alpha2.ObjectProblems(f.Progress.Problems).Message()
	missing := lacking(f, func(l Lack) bool { return !l.Claimed && !l.reads() })
	switch {
	case f.Secret != nil:
		return waiting(kubebindv1alpha2.ConditionObjectsInSync)
	case missing != "":
		return permissionMissing(kubebindv1alpha2.ConditionObjectsInSync, missing)
	case message != "":
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionObjectsInSync, kubebindv1alpha2.ReasonObjectsFailing,
			kubebindv1alpha2.SeverityInfo, message)
	case f.Progress.Running == 0:
		return unchanged(f, kubebindv1alpha2.ConditionObjectsInSync)
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionObjectsInSync)
}

// waiting is what a condition says while there is no usable kubeconfig.
func waiting(conditionType string) kubebindv1alpha2.Condition {
	return kubebindv1alpha2.UnknownCondition(conditionType, kubebindv1alpha2.ReasonPending, "Waiting for a usable kubeconfig.")
}

// unchanged keeps what was known last.
func unchanged(f Facts, conditionType string) kubebindv1alpha2.Condition {
	if c := kubebindv1alpha2.FindCondition(f.Binding.Status.Conditions, conditionType); c != nil {
		return *c
	}
	return kubebindv1alpha2.Condition{Type: conditionType, Status: metav1.ConditionUnknown, Reason: kubebindv1alpha2.ReasonPending, Message: "Not known yet."}
}
