// SPDX-License-Identifier: Apache-2.0

package namespaces

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/plan"
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
	// makeHere makes the consumer namespace.
	makeHere
)

// decide says what to do about the APIServiceNamespace of a consumer namespace. It only ever takes back one that this
// very consumer cluster asked for: a cluster that was made again under the same credential knows nothing of what its
// predecessor had, and removing it would remove the data (so the mark), and pre-created ones are the provider's.
//
//	consumer namespace   APIServiceNamespace     plan
//	live                 absent, wanted          create
//	absent               ours                    remove
//	absent               the provider's          make the consumer namespace, unless its name is reserved
//	anything else                                nothing
//
// A namespace of the provider's is made again when the consumer deletes it: it was agreed upon with the template. To be rid
// of it the binding has to go. One that is there is used as it is. The consumer's are never deleted.
func decide(consumer presence, have *kubebindv1alpha2.APIServiceNamespace, wanted bool, cluster types.UID) change {
	switch {
	case have == nil && wanted && consumer == live:
		return create
	case have != nil && consumer == absent && have.DeletionTimestamp == nil &&
		have.Annotations[kubebindv1alpha2.ConsumerClusterAnnotation] == string(cluster) &&
		!providers(have):
		return remove
	case have != nil && consumer == absent && have.DeletionTimestamp == nil && providers(have) && !reserved(have.Name):
		return makeHere
	}
	return nothing
}

func providers(n *kubebindv1alpha2.APIServiceNamespace) bool {
	return n.Labels[kubebindv1alpha2.OwnerLabel] == kubebindv1alpha2.OwnerProvider
}

// reserved are names of namespaces that no provider decides upon: those that the cluster runs on, and the one where people put what has
// no other place (W15).
func reserved(name string) bool {
	return plan.SystemNamespace(name) || name == metav1.NamespaceDefault
}
