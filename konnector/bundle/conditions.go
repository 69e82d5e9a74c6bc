// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// maxNames is how many bindings a message names.
const maxNames = 10

func (d *Decision) setConditions(f Facts) {
	conditions := &d.Status.Conditions
	kubebindv1alpha2.SetCondition(conditions, secretValid(f))
	kubebindv1alpha2.SetCondition(conditions, d.synced(f))
	if f.Bundle.DeletionTimestamp != nil {
		kubebindv1alpha2.SetCondition(conditions, kubebindv1alpha2.Condition{
			Type: kubebindv1alpha2.ConditionDraining, Status: metav1.ConditionTrue, Reason: kubebindv1alpha2.ReasonUnbinding, Message: d.leavingMessage(),
		})
	}
	kubebindv1alpha2.SetSummary(conditions, kubebindv1alpha2.ConditionDraining)
}

// failed says in the conditions that something could not be done.
func (d *Decision) failed(err error) {
	kubebindv1alpha2.SetCondition(&d.Status.Conditions, kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionSynced,
		kubebindv1alpha2.ReasonSyncErrors, kubebindv1alpha2.SeverityWarning, fmt.Sprintf("It is being tried again: %v", err)))
	kubebindv1alpha2.SetSummary(&d.Status.Conditions, kubebindv1alpha2.ConditionDraining)
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

// synced names the worst thing in its reason, and all of them in its message.
func (d *Decision) synced(f Facts) kubebindv1alpha2.Condition {
	no := func(reason string, severity kubebindv1alpha2.ConditionSeverity, message string) kubebindv1alpha2.Condition {
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionSynced, reason, severity, message)
	}
	switch {
	case !policyValid(f.Bundle):
		return no(kubebindv1alpha2.ReasonInvalidDeletionPolicy, kubebindv1alpha2.SeverityError, fmt.Sprintf(
			"The annotation %s has the value %q: it can be Delete or Orphan. Nothing is unbound before it is put right.",
			kubebindv1alpha2.DeletionPolicyAnnotation, f.Bundle.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]))
	case f.Bundle.DeletionTimestamp != nil:
		return no(kubebindv1alpha2.ReasonUnbinding, kubebindv1alpha2.SeverityInfo, d.leavingMessage())
	case f.Secret != nil:
		return kubebindv1alpha2.UnknownCondition(kubebindv1alpha2.ConditionSynced, kubebindv1alpha2.ReasonPending, "Waiting for a usable kubeconfig.")
	case f.Health.Removed:
		return no(kubebindv1alpha2.ReasonConsumerRemoved, kubebindv1alpha2.SeverityError, "The provider has removed this cluster as a consumer. "+
			"Nothing is bound or unbound. To bind again, put a new kubeconfig into the Secret; to remove the APIs and their objects, delete this bundle.")
	case f.Health.Provider != nil:
		return no(kubebindv1alpha2.ReasonListExportsFailed, awaySeverity(f), f.Health.Provider.Message+" Nothing is bound or unbound meanwhile.")
	case !f.Health.Synced:
		return no(kubebindv1alpha2.ReasonPending, kubebindv1alpha2.SeverityInfo, "The provider's exports are being read.")
	}
	var messages []string
	var conditions []kubebindv1alpha2.Condition
	for _, part := range []struct {
		names    []string
		reason   string
		severity kubebindv1alpha2.ConditionSeverity
		message  string
	}{
		{d.conflicts, kubebindv1alpha2.ReasonBindingConflict, kubebindv1alpha2.SeverityWarning, d.conflictMessage()},
		{d.kept, kubebindv1alpha2.ReasonExportsWithdrawn, kubebindv1alpha2.SeverityWarning, d.keptMessage()},
		{d.doubtful, kubebindv1alpha2.ReasonPending, kubebindv1alpha2.SeverityInfo, d.doubtfulMessage()},
		{d.leaving, kubebindv1alpha2.ReasonUnbinding, kubebindv1alpha2.SeverityInfo, d.leavingMessage()},
	} {
		if len(part.names) > 0 {
			messages = append(messages, part.message)
			conditions = append(conditions, no(part.reason, part.severity, ""))
		}
	}
	if len(conditions) == 0 {
		return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSynced)
	}
	conditions[0].Message = strings.Join(messages, " ")
	return conditions[0]
}

func awaySeverity(f Facts) kubebindv1alpha2.ConditionSeverity {
	if f.Health.Provider.Reason == kubebindv1alpha2.ReasonProviderUnreachable {
		return kubebindv1alpha2.SeverityWarning
	}
	return kubebindv1alpha2.SeverityError
}

func (d *Decision) conflictMessage() string {
	return fmt.Sprintf("These APIServiceBindings have the names of exports and were not made by this bundle, so they are left alone: %s. "+
		"Delete them, and the bundle binds the exports itself.", list(d.conflicts))
}

func (d *Decision) keptMessage() string {
	return fmt.Sprintf("The provider has withdrawn the exports of these APIServiceBindings, and there are still objects here, so they are kept: %s. "+
		"If an export comes back, its binding goes on. To unbind, and lose the objects here, delete the objects or the binding, "+
		"or set the annotation %s to Delete or Orphan on the bundle.", list(d.kept), kubebindv1alpha2.DeletionPolicyAnnotation)
}

func (d *Decision) doubtfulMessage() string {
	return fmt.Sprintf("The exports of these APIServiceBindings are not there; they are looked at again before anything is unbound: %s.", list(d.doubtful))
}

func (d *Decision) leavingMessage() string {
	if len(d.leaving) == 0 {
		return "All bindings are gone."
	}
	return fmt.Sprintf("%d APIServiceBindings are being unbound: %s.", len(d.leaving), list(d.leaving))
}

func list(names []string) string {
	if len(names) > maxNames {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return strings.Join(names, ", ")
}
