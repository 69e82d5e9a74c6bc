// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// misplaced are the targets of objects whose copies lie where an isolation had them that the export does not have any more. Nothing
// at the provider is looked at, so that no copy there is taken for a leftover; and objects that are being deleted are let go.
type misplaced struct {
	namespaces.Withdrawn
	was, is kubebindv1alpha2.Isolation
}

// Target refuses.
func (m misplaced) Target(types.NamespacedName) plan.Target {
	return plan.Target{State: plan.Refused, Reason: kubebindv1alpha2.ReasonIsolationChanged, Message: fmt.Sprintf(
		"The provider keeps consumers apart by isolation %s now, and has "+
			"the copy of this object where %s put it: changes go nowhere, and the status is not updated. The object can be deleted here; the conditions of its "+
			"APIServiceBinding say what to do.", m.is, m.was)}
}

// Known refuses as well.
func (m misplaced) Known(key types.NamespacedName) plan.Target { return m.Target(key) }
