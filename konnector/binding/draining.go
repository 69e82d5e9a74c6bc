// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
)

// Ending is what is known of a binding that is being deleted, beside its Facts.
type Ending struct {
	// Objects counts what is left of the binding's resources, by their names. A resource without CRD has no entry.
	Objects map[string]int64
	// Some are the names of some of them.
	Some map[string][]string
	// Drained says that only resources are left that others need as well, and no objects that go with the binding.
	Drained bool
	// Halted says that nothing of the binding writes any more.
	Halted bool
}

// Way is how a binding comes to its end.
type Way struct {
	// Problem says why there is none yet.
	Problem *connection.Problem
	// Sync lets syncers go on in the way that Resources say. Otherwise they are halted.
	Sync bool
	// RemoveSchemas deletes the CRDs, and with them the objects; or the binding's objects, where others need the CRD.
	RemoveSchemas bool
	// Release takes the finalizer from objects that are being deleted: no syncer does.
	Release bool
	// TakeBack takes claimed objects back.
	TakeBack bool
	// Done says that the binding may go.
	Done bool
}

// decideEnd says how a binding that is being deleted comes to its end:
//
//	annotations, provider            syncers                CRDs             claimed objects
//	policy not known                 as they are            stay             as they are
//	forced, or consumer removed      halted                 go, by Release   left alone
//	shared, and no objects           halted                 left to others   next
//	export withdrawn                 let go of all          go               left alone
//	not to be asked                  as they are            go*              wait
//	policy Delete                    as they are            go               taken back, after the CRDs
//	policy Orphan                    leave copies behind    go, after that   left alone
//
// * With policy Orphan they wait as well: until copies can be marked, deleting an object would delete its copy.
func decideEnd(f Facts, e Ending) Way {
	policy, valid := kubebindv1alpha2.DeletionPolicy(f.Binding)
	gone := len(e.Objects) == 0
	switch {
	case !valid:
		return Way{Sync: true, Problem: &connection.Problem{Reason: kubebindv1alpha2.ReasonInvalidDeletionPolicy, Message: fmt.Sprintf(
			"The annotation %s has the value %q: it can be Delete or Orphan. Nothing is unbound before it is put right.",
			kubebindv1alpha2.DeletionPolicyAnnotation, policy)}}
	case forced(f.Binding), removed(f):
		return Way{RemoveSchemas: e.Halted, Release: e.Halted, Done: gone && e.Halted}
	case e.Drained:
		return Way{RemoveSchemas: e.Halted}
	case f.Secret != nil, f.Health.Provider != nil, !f.Health.Synced:
		orphan := policy == kubebindv1alpha2.DeletionPolicyOrphan
		return Way{Sync: true, RemoveSchemas: !orphan, Problem: blocked(f), Done: gone && !orphan && !claimsAny(f)}
	case f.Export == nil:
		return Way{Sync: true, RemoveSchemas: true, Done: gone}
	case policy == kubebindv1alpha2.DeletionPolicyOrphan:
		ready := f.Progress.Orphaning == f.Progress.Running && f.Progress.Running >= len(e.Objects)
		return Way{Sync: true, RemoveSchemas: ready || gone, Done: gone}
	}
	return Way{Sync: true, RemoveSchemas: true, TakeBack: gone, Done: gone && takenBack(f)}
}

func forced(binding *kubebindv1alpha2.APIServiceBinding) bool {
	return binding.Annotations[kubebindv1alpha2.ForceUnbindAnnotation] == "true"
}

// claimsAny says whether there may be claimed objects to take back.
func claimsAny(f Facts) bool { return len(f.Binding.Status.PermissionClaims) > 0 }

// takenBack says that nothing claimed is shared any more, as far as this cluster lets us see what was refused.
func takenBack(f Facts) bool {
	if !claimsAny(f) {
		return true
	}
	for _, claim := range claimsToTakeBack(f) {
		p := f.Progress.Claims[claim.GVR]
		if !p.Running || !p.Synced && !hidden(f, claim.GVR.GroupResource()) || !p.TakingBack || p.Left > 0 {
			return false
		}
	}
	return true
}

// hidden says that we may not see the claimed objects of a resource here, and need not.
func hidden(f Facts, resource runtimeschema.GroupResource) bool {
	return slices.ContainsFunc(f.Lacks, func(l Lack) bool { return l.Claimed && l.Resource == resource && l.reads() && !l.matters(f) })
}

func blocked(f Facts) *connection.Problem {
	why := "The provider's objects are being read."
	switch {
	case f.Secret != nil:
		why = f.Secret.Message
	case f.Health.Provider != nil:
		why = f.Health.Provider.Message
	}
	message := fmt.Sprintf("%s To unbind without the provider, set the annotation %s=true on this binding: what the provider has then "+
		"stays there until this cluster binds the API again.", why, kubebindv1alpha2.ForceUnbindAnnotation)
	if value, set := f.Binding.Annotations[kubebindv1alpha2.ForceUnbindAnnotation]; set {
		message += fmt.Sprintf(" The value %q is not that.", value)
	}
	return &connection.Problem{Reason: kubebindv1alpha2.ReasonUnbindingBlocked, Message: message}
}

// drainingStatus is the status of a binding that is being deleted.
func drainingStatus(status kubebindv1alpha2.APIServiceBindingStatus, f Facts, e Ending, way Way) kubebindv1alpha2.APIServiceBindingStatus {
	if way.Problem != nil {
		return draining(status, way.Problem.Reason, kubebindv1alpha2.SeverityWarning, left(f, e)+" "+way.Problem.Message)
	}
	return draining(status, kubebindv1alpha2.ReasonUnbinding, kubebindv1alpha2.SeverityInfo, left(f, e))
}

// unseenStatus is that of one of which cannot be seen what is left, for want of a right.
func unseenStatus(status kubebindv1alpha2.APIServiceBindingStatus, f Facts, err error) kubebindv1alpha2.APIServiceBindingStatus {
	missing := lacking(f, func(Lack) bool { return true })
	if missing == "" {
		missing = err.Error()
	}
	return draining(status, kubebindv1alpha2.ReasonUnbindingBlocked, kubebindv1alpha2.SeverityWarning, "The konnector may not look what is left to go. "+missing)
}

func draining(status kubebindv1alpha2.APIServiceBindingStatus, reason string, severity kubebindv1alpha2.ConditionSeverity, message string) kubebindv1alpha2.APIServiceBindingStatus {
	kubebindv1alpha2.SetCondition(&status.Conditions, kubebindv1alpha2.Condition{
		Type: kubebindv1alpha2.ConditionDraining, Status: metav1.ConditionTrue, Reason: reason, Message: message,
	})
	kubebindv1alpha2.SetCondition(&status.Conditions, kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady, reason, severity, message))
	return status
}

// left counts what the end waits for.
func left(f Facts, e Ending) string {
	var parts []string
	for _, r := range f.Binding.Status.BoundSchemas {
		if n, ok := e.Objects[r.ResourceGroupName()]; ok {
			part := fmt.Sprintf("%d %s", n, r.ResourceGroupName())
			if some := e.Some[r.ResourceGroupName()]; len(some) > 0 {
				part += " (" + strings.Join(some, ", ")
				if n > int64(len(some)) {
					part += ", …"
				}
				part += ")"
			}
			parts = append(parts, part)
		}
	}
	if len(parts) > 0 {
		return "Left to go: " + strings.Join(parts, ", ") + "; each goes once the provider has removed its copy."
	}
	back := 0
	for _, p := range f.Progress.Claims {
		back += p.Left
	}
	return fmt.Sprintf("All objects are gone. Claimed objects to take back: %d.", back)
}
