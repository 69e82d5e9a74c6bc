// SPDX-License-Identifier: Apache-2.0

package export

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

// serviceNamespaces returns, sorted, the namespaces of this consumer in which rights can be given: those that were made
// for it and are not being deleted.
func serviceNamespaces(contract string, namespaces []corev1.Namespace) []string {
	var out []string
	for i := range namespaces {
		ns := &namespaces[i]
		mark := ns.Annotations[kubebindv1alpha2.APIServiceNamespaceAnnotation]
		if strings.HasPrefix(mark, contract+"/") && ns.DeletionTimestamp.IsZero() {
			out = append(out, ns.Name)
		}
	}
	slices.Sort(out)
	return out
}

// exportHash is the hash of all schemas of an export, in the order of its resources.
func exportHash(schemas []kubebindv1alpha2.BoundSchema) string {
	sum := sha256.New()
	for i := range schemas {
		// Writing to a hash never fails.
		_, _ = sum.Write([]byte(schemas[i].Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// inSync is the condition ProviderInSync: refusal is the first thing that is wrong with the schemas, fenceIn how long the
// fence around the rights needs to stand, notice what else is to be known of the schemas.
func inSync(refusal *catalog.Refusal, fenceIn time.Duration, notice string) kubebindv1alpha2.Condition {
	switch {
	case refusal != nil:
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionProviderInSync,
			refusal.Reason, kubebindv1alpha2.SeverityError, refusal.Message)
	case fenceIn > 0:
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionProviderInSync,
			kubebindv1alpha2.ReasonPermissionsNotReady, kubebindv1alpha2.SeverityInfo,
			"waiting for the admission policy around the consumer's rights to be in force")
	}
	c := kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionProviderInSync)
	c.Message = notice
	return c
}

// report writes a condition into the status of an export. Conditions of the konnector stay as they are.
func report(export *kubebindv1alpha2.APIServiceExport, condition kubebindv1alpha2.Condition) {
	kubebindv1alpha2.SetCondition(&export.Status.Conditions, condition)
	kubebindv1alpha2.SetSummary(&export.Status.Conditions, kubebindv1alpha2.ConditionPermissionClaim)
}
