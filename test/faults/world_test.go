// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// there is where the copies of a consumer namespace are.
func there(namespace string) string { return world.place.Namespace + "-" + namespace }

// bindingHas waits for a condition of a binding of the shared pair.
func bindingHas(t *testing.T, name, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	return waitBinding(t, world.Pair, name, conditionType, status, reason)
}

// consumerCA is a certificate authority that the provider's certificate does not come from.
func consumerCA() []byte { return world.Consumer.Config().CAData }
