// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// tellProvider shows the provider, in the status of its export and schemas, how the consumer is doing. Nothing depends
// on it here.
func tellProvider(ctx context.Context, provider client.Client, f Facts, status kubebindv1alpha2.APIServiceBindingStatus) error {
	if f.Export == nil || f.Health.Provider != nil {
		return nil
	}
	for _, r := range f.Resources {
		if r.Bound == nil || r.CRD == nil {
			continue
		}
		after := r.Bound.DeepCopy()
		after.Status = schemaStatus(r.Bound.Status, r.CRD.Status)
		if err := patchStatus(ctx, provider, r.Bound, after); err != nil {
			return fmt.Errorf("telling the provider about the schema %s: %w", r.Bound.Name, err)
		}
	}
	after := f.Export.DeepCopy()
	after.Status.Conditions = exportConditions(f.Export.Status.Conditions, status.Conditions)
	if err := patchStatus(ctx, provider, f.Export, after); err != nil {
		return fmt.Errorf("telling the provider about the binding: %w", err)
	}
	return nil
}

// patchStatus sends the difference, if there is one. The backend writes conditions into the same lists, hence the
// resourceVersion.
func patchStatus(ctx context.Context, provider client.Client, before, after client.Object) error {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return provider.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}),
		client.FieldOwner(kubebindv1alpha2.FieldManager))
}

// schemaStatus is the BoundSchema's status for the consumer's CRD: surface 2.1, BoundSchema.
func schemaStatus(before kubebindv1alpha2.BoundSchemaStatus, crd apiextensionsv1.CustomResourceDefinitionStatus) kubebindv1alpha2.BoundSchemaStatus {
	after := *before.DeepCopy()
	after.AcceptedNames = ptr.To(crd.AcceptedNames)
	after.StoredVersions = crd.StoredVersions
	for _, c := range crd.Conditions {
		condition := kubebindv1alpha2.Condition{Type: string(c.Type), Status: metav1.ConditionStatus(c.Status), Reason: c.Reason, Message: c.Message}
		// These two are good when they are False.
		healthyFalse := c.Type == apiextensionsv1.Terminating || c.Type == apiextensionsv1.NonStructuralSchema
		if condition.Status == metav1.ConditionFalse && !healthyFalse {
			condition.Severity = kubebindv1alpha2.SeverityError
		}
		kubebindv1alpha2.SetCondition(&after.Conditions, condition)
	}
	kubebindv1alpha2.SetSummary(&after.Conditions, string(apiextensionsv1.Terminating), string(apiextensionsv1.NonStructuralSchema))
	return after
}

// exportConditions are the export's conditions with those that are the konnector's.
func exportConditions(before, binding []kubebindv1alpha2.Condition) []kubebindv1alpha2.Condition {
	after := append([]kubebindv1alpha2.Condition(nil), before...)
	kubebindv1alpha2.SetCondition(&after, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionConnected))
	inSync := kubebindv1alpha2.UnknownCondition(kubebindv1alpha2.ConditionConsumerInSync, kubebindv1alpha2.ReasonSchemaUnknown, "")
	if c := kubebindv1alpha2.FindCondition(binding, kubebindv1alpha2.ConditionSchemaInSync); c != nil {
		inSync = *c
		inSync.Type, inSync.LastTransitionTime = kubebindv1alpha2.ConditionConsumerInSync, metav1.Time{}
	}
	kubebindv1alpha2.SetCondition(&after, inSync)
	if c := kubebindv1alpha2.FindCondition(binding, kubebindv1alpha2.ConditionPermissionClaim); c != nil {
		claims := *c
		claims.LastTransitionTime = metav1.Time{}
		kubebindv1alpha2.SetCondition(&after, claims)
	}
	kubebindv1alpha2.SetSummary(&after, kubebindv1alpha2.ConditionPermissionClaim)
	return after
}
