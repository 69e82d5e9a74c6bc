// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// there is where the copies of a consumer namespace are.
func there(namespace string) string { return world.place.There(namespace) }

// bindingHas waits for a condition of a binding.
func bindingHas(t *testing.T, name, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	b, err := world.WaitBinding(ctx, name, conditionType, status, reason)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
