// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// No copy is looked at that lies where another isolation put it, or it would be taken for a leftover.
func TestMisplaced(t *testing.T) {
	targets, err := newSyncers(nil).targets(Resource{Isolation: kubebindv1alpha2.IsolationNone, Was: kubebindv1alpha2.IsolationPrefixed})
	if err != nil {
		t.Fatal(err)
	}
	key := types.NamespacedName{Name: "a"}
	for name, got := range map[string]plan.Target{"target": targets.Target(key), "known": targets.Known(key)} {
		if got.State != plan.Refused || got.Reason != kubebindv1alpha2.ReasonIsolationChanged || !strings.Contains(got.Message, "Prefixed") {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if _, ok := targets.ToConsumer(key); ok || targets.Watched().Len() != 0 {
		t.Error("it looks at the provider")
	}
}
