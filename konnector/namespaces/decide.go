// SPDX-License-Identifier: Apache-2.0

package namespaces

import (
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// presence is what is known of a consumer namespace.
type presence int

const (
	absent presence = iota
	terminating
	live
)

// change is what to do about an APIServiceNamespace.
type change int

const (
	nothing change = iota
	create
	remove
)

// decide says what to do about the APIServiceNamespace of a consumer namespace. It only ever takes back one that this
// very consumer cluster asked for: a cluster that was made again under the same credential knows nothing of what its
// predecessor had, and removing it would remove the data (so the mark), and pre-created ones are the provider's.
//
//	consumer namespace   APIServiceNamespace     plan
//	live                 absent, wanted          create
//	absent               ours                    remove
//	anything else                                nothing
func decide(consumer presence, have *kubebindv1alpha2.APIServiceNamespace, wanted bool, cluster types.UID) change {
	switch {
	case have == nil && wanted && consumer == live:
		return create
	case have != nil && consumer == absent && have.DeletionTimestamp == nil &&
		have.Annotations[kubebindv1alpha2.ConsumerClusterAnnotation] == string(cluster) &&
		have.Labels[kubebindv1alpha2.OwnerLabel] != kubebindv1alpha2.OwnerProvider:
		return remove
	}
	return nothing
}
