// SPDX-License-Identifier: Apache-2.0

package namespaces

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const cluster = "this-cluster"

func apiServiceNamespace(modifiers ...func(*kubebindv1alpha2.APIServiceNamespace)) *kubebindv1alpha2.APIServiceNamespace {
	n := &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{
		Name: "team", UID: "uid", Annotations: map[string]string{kubebindv1alpha2.ConsumerClusterAnnotation: cluster},
	}}
	for _, modify := range modifiers {
		modify(n)
	}
	return n
}

func TestDecide(t *testing.T) {
	of := func(owner string) func(*kubebindv1alpha2.APIServiceNamespace) {
		return func(n *kubebindv1alpha2.APIServiceNamespace) {
			n.Labels = map[string]string{kubebindv1alpha2.OwnerLabel: owner}
		}
	}
	by := func(uid string) func(*kubebindv1alpha2.APIServiceNamespace) {
		return func(n *kubebindv1alpha2.APIServiceNamespace) {
			n.Annotations[kubebindv1alpha2.ConsumerClusterAnnotation] = uid
		}
	}
	now := metav1.Now()
	for name, tc := range map[string]struct {
		consumer presence
		have     *kubebindv1alpha2.APIServiceNamespace
		wanted   bool
		want     change
	}{
		"first object":                        {live, nil, true, create},
		"no object":                           {live, nil, false, nothing},
		"object in a namespace that is going": {terminating, nil, true, nothing},
		"object in a namespace that is gone":  {absent, nil, true, nothing},
		"in use":                              {live, apiServiceNamespace(), false, nothing},
		"going: copies come first":            {terminating, apiServiceNamespace(), false, nothing},
		"gone":                                {absent, apiServiceNamespace(), false, remove},
		"gone, consumer-owned by label":       {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerConsumer)), false, remove},
		"gone, but the provider made it":      {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider)), false, nothing},
		"gone, but another cluster's":         {absent, apiServiceNamespace(by("other")), false, nothing},
		"gone, but nobody knows whose":        {absent, apiServiceNamespace(by("")), false, nothing},
		"gone, and taken back already": {absent, apiServiceNamespace(func(n *kubebindv1alpha2.APIServiceNamespace) {
			n.DeletionTimestamp = &now
		}), false, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide(tc.consumer, tc.have, tc.wanted, cluster); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
