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
	named := func(name string) func(*kubebindv1alpha2.APIServiceNamespace) {
		return func(n *kubebindv1alpha2.APIServiceNamespace) { n.Name = name }
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
		"the provider's, not here":            {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider)), false, makeHere},
		"the provider's, here":                {live, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider)), false, nothing},
		"the provider's, going here":          {terminating, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider)), false, nothing},
		"the provider's, going there": {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider), func(n *kubebindv1alpha2.APIServiceNamespace) {
			n.DeletionTimestamp = &now
		}), false, nothing},
		"W15 kube-system":              {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider), named("kube-system")), false, nothing},
		"W15 kube-bind":                {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider), named("kube-bind")), false, nothing},
		"W15 default":                  {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider), named("default")), false, nothing},
		"W15 openshift-config":         {absent, apiServiceNamespace(of(kubebindv1alpha2.OwnerProvider), named("openshift-config")), false, nothing},
		"gone, but another cluster's":  {absent, apiServiceNamespace(by("other")), false, nothing},
		"gone, but nobody knows whose": {absent, apiServiceNamespace(by("")), false, nothing},
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
