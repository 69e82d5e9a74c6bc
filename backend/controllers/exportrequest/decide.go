// SPDX-License-Identifier: Apache-2.0

package exportrequest

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

// Retention is how long after its creation a finished request is kept.
const Retention = 10 * time.Minute

// ownerProvider is the value of OwnerLabel on namespaces that come with an export.
const ownerProvider = "provider"

// facts are all that the answer to a request depends on.
type facts struct {
	request *kubebindv1alpha2.APIServiceExportRequest
	// granted are the templates that the consumer was granted, as far as they exist.
	granted []kubebindv1alpha2.APIServiceExportTemplate
	sources catalog.Sources
	// export of the request's name, or nil.
	export *kubebindv1alpha2.APIServiceExport
	terms  catalog.Terms
}

// decision is the answer to a request.
type decision struct {
	phase kubebindv1alpha2.Phase
	// claims and exports are the conditions PermissionClaim (if there is anything to say about it) and ExportsReady.
	claims  *kubebindv1alpha2.Condition
	exports kubebindv1alpha2.Condition
	// create is an export to make, or nil.
	create *kubebindv1alpha2.APIServiceExport
	// namespaces are to be there once the export is.
	namespaces []kubebindv1alpha2.APIServiceNamespace
}

// decide answers a request that is not finished. What the request itself gets wrong fails it for good; what the provider
// could still mend leaves it pending.
func decide(f facts) decision {
	if refusal := catalog.CheckClaims(f.request.Spec.PermissionClaims, f.request.Spec.Resources); refusal != nil {
		claims := refused(kubebindv1alpha2.ConditionPermissionClaim, refusal)
		d := fail(refusal)
		d.claims = &claims
		return d
	}
	resources, refusal := catalog.Cover(&f.request.Spec, f.granted)
	if refusal != nil {
		return fail(refusal)
	}
	want := exportFor(f.request, resources, f.terms)
	if f.export != nil {
		return judge(f, want)
	}
	if _, refusal := f.terms.Schemas(resources, f.sources); refusal != nil {
		return wait(refused(kubebindv1alpha2.ConditionExportsReady, refusal))
	}
	d := wait(pending("the export is being set up"))
	d.create = want
	d.namespaces = namespacesFor(f.request)
	return d
}

// judge answers a request whose export is there already, whoever asked for it: a request may be made again.
func judge(f facts, want *kubebindv1alpha2.APIServiceExport) decision {
	if !f.export.DeletionTimestamp.IsZero() {
		return wait(pending("an older export of this name is still being deleted"))
	}
	if !equality.Semantic.DeepEqual(f.export.Spec.Resources, want.Spec.Resources) ||
		!equality.Semantic.DeepEqual(f.export.Spec.PermissionClaims, want.Spec.PermissionClaims) ||
		f.export.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] != want.Annotations[kubebindv1alpha2.SchemaUpdatePolicyAnnotation] {
		return fail(&catalog.Refusal{
			Reason:  kubebindv1alpha2.ReasonExportConflict,
			Message: fmt.Sprintf("the export %s exists and exports something else; ask under another name", want.Name),
		})
	}
	inSync := kubebindv1alpha2.FindCondition(f.export.Status.Conditions, kubebindv1alpha2.ConditionProviderInSync)
	d := wait(pending("the export is being set up"))
	d.namespaces = namespacesFor(f.request)
	switch {
	case inSync == nil:
	case inSync.Status == metav1.ConditionTrue:
		d.phase = kubebindv1alpha2.PhaseSucceeded
		d.exports = kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionExportsReady)
	default:
		d.exports.Message = fmt.Sprintf("the export is not ready: %s: %s", inSync.Reason, inSync.Message)
		d.exports.Severity = inSync.Severity
	}
	return d
}

// exportFor is what a request asks for. The export must outlive the request, so it is not owned by it.
func exportFor(request *kubebindv1alpha2.APIServiceExportRequest, resources []kubebindv1alpha2.ExportedResource, terms catalog.Terms) *kubebindv1alpha2.APIServiceExport {
	out := &kubebindv1alpha2.APIServiceExport{}
	out.Namespace, out.Name = request.Namespace, request.Name
	policy := request.Spec.SchemaUpdatePolicy
	if policy == "" {
		policy = kubebindv1alpha2.SchemaUpdateNever
	}
	out.Annotations = map[string]string{kubebindv1alpha2.SchemaUpdatePolicyAnnotation: string(policy)}
	out.Spec = kubebindv1alpha2.APIServiceExportSpec{
		Resources:        resources,
		PermissionClaims: request.Spec.PermissionClaims,
		InformerScope:    terms.InformerScope,
		Isolation:        terms.Isolation,
	}
	return out
}

// namespacesFor are not owned by the export: other exports of the consumer use them as well.
func namespacesFor(request *kubebindv1alpha2.APIServiceExportRequest) []kubebindv1alpha2.APIServiceNamespace {
	out := make([]kubebindv1alpha2.APIServiceNamespace, 0, len(request.Spec.Namespaces))
	for _, n := range request.Spec.Namespaces {
		out = append(out, kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{
			Namespace: request.Namespace,
			Name:      n.Name,
			Labels:    map[string]string{kubebindv1alpha2.OwnerLabel: ownerProvider},
		}})
	}
	return out
}

func fail(refusal *catalog.Refusal) decision {
	return decision{
		phase:   kubebindv1alpha2.PhaseFailed,
		exports: refused(kubebindv1alpha2.ConditionExportsReady, refusal),
	}
}

func wait(exports kubebindv1alpha2.Condition) decision {
	return decision{phase: kubebindv1alpha2.PhasePending, exports: exports}
}

func refused(condition string, refusal *catalog.Refusal) kubebindv1alpha2.Condition {
	return kubebindv1alpha2.FalseCondition(condition, refusal.Reason, kubebindv1alpha2.SeverityError, refusal.Message)
}

func pending(message string) kubebindv1alpha2.Condition {
	return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionExportsReady,
		kubebindv1alpha2.ReasonExportNotReady, kubebindv1alpha2.SeverityInfo, message)
}

// report writes a decision into the status of a request.
func report(status *kubebindv1alpha2.APIServiceExportRequestStatus, d decision) {
	status.Phase = d.phase
	status.TerminalMessage = ""
	if d.phase == kubebindv1alpha2.PhaseFailed {
		status.TerminalMessage = d.exports.Message
	}
	if d.claims != nil {
		kubebindv1alpha2.SetCondition(&status.Conditions, *d.claims)
	} else {
		kubebindv1alpha2.SetCondition(&status.Conditions, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionPermissionClaim))
	}
	kubebindv1alpha2.SetCondition(&status.Conditions, d.exports)
	kubebindv1alpha2.SetSummary(&status.Conditions)
}

// expiry says whether a request is finished, and if so how much longer it is kept; not at all when that is negative or 0.
func expiry(request *kubebindv1alpha2.APIServiceExportRequest, now time.Time) (finished bool, left time.Duration) {
	switch request.Status.Phase {
	case kubebindv1alpha2.PhaseFailed, kubebindv1alpha2.PhaseSucceeded:
		return true, request.CreationTimestamp.Add(Retention).Sub(now)
	}
	return false, 0
}
