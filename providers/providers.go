// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"context"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Provider is the control plane that a backend serves.
type Provider interface {
	multicluster.Provider
	Tenancy
	Topology
	Catalog
}

// Topology says which logical clusters belong together.
type Topology interface {
	// Host returns the logical cluster whose templates and schemas count in this one: itself, or, if this one is the place of
	// a single consumer, the one that the place was made in. For an unknown one it returns an error that is
	// multicluster.ErrClusterNotFound.
	Host(ctx context.Context, cluster multicluster.ClusterName) (multicluster.ClusterName, error)

	// Guests returns the logical clusters that have this one as their host, sorted; itself is the first of them.
	Guests(cluster multicluster.ClusterName) []multicluster.ClusterName
}

// Catalog says what logical clusters offer.
type Catalog interface {
	// Schemas reads, from caches, the schemas of those of the resources that a host offers, as CRDs. A resource that it does
	// not offer is not in the result, and no error.
	Schemas(ctx context.Context, host multicluster.ClusterName, resources []schema.GroupResource) (Schemas, error)

	// SchemaKinds are empty objects of the kinds that Schemas reads.
	SchemaKinds() []client.Object

	// SchemasOf returns the resources that an object of one of these kinds is about.
	SchemasOf(obj client.Object) []schema.GroupResource
}

// Schemas are CRDs by their resources. They need not exist as objects.
type Schemas map[schema.GroupResource]*apiextensionsv1.CustomResourceDefinition

// Tenancy gives consumers a place, and takes it away. All methods are idempotent and safe to call concurrently, from
// several processes too.
type Tenancy interface {
	// Place returns the consumer's place in a logical cluster and makes it if there is none, or none that is complete.
	//
	// It returns an InvalidConsumerError for a consumer without identity or requester, an IdentityTakenError when the
	// identity belongs to another requester, a ForeignError when something that is not ours is in the way, and a
	// NotReadyError when the place is being made or removed and the call should be repeated.
	Place(ctx context.Context, cluster multicluster.ClusterName, consumer Consumer) (*Place, error)

	// Repair puts back whatever is missing or changed of an existing place, its credential included, and returns it.
	// Unlike Place it never makes a new one. Only place.Cluster and place.Namespace are read. It returns an error
	// that satisfies apierrors.IsNotFound when there is no such place, and otherwise those of Place.
	Repair(ctx context.Context, place Place) (*Place, error)

	// Serve sees to it that the API of these resources is served in a logical cluster in which places lie. It returns a
	// NotReadyError while it is not yet, and a ForeignError when something that is not ours is in the way.
	Serve(ctx context.Context, cluster multicluster.ClusterName, resources []schema.GroupResource) error

	// Remove takes everything away that the consumer has in this place, the credential first. Only place.Cluster and
	// place.Namespace are read. It returns nil once all is gone or nothing was there, a NotReadyError while it is
	// going, and a ForeignError for a namespace that is no place.
	Remove(ctx context.Context, place Place) error
}

// Consumer is somebody who asks for a place.
type Consumer struct {
	// Identity tells consumers apart. A consumer has one place in a logical cluster.
	Identity string
	// Requester is the trust domain that asks. A place belongs to the requester it was made for, and is never handed
	// out to another one: an identity is not a secret.
	Requester string
	// Author is who asked, for audit only. The first author of a place stays.
	Author string
	// PrettyName is a name of the consumer for people. The first one of a place stays.
	PrettyName string
}

// Place is where a consumer lives in a logical cluster.
type Place struct {
	// Cluster is the logical cluster. "" is the only cluster of a plain one.
	Cluster multicluster.ClusterName
	// Namespace is the contract namespace, which holds the ClusterBinding, requests, exports and credential.
	Namespace string
	// Isolation of objects of different consumers, where the place itself decides it. nil leaves it to the backend.
	Isolation *kubebindv1alpha2.Isolation
	// KubeconfigSecret is the Secret in Namespace with the consumer's kubeconfig.
	KubeconfigSecret kubebindv1alpha2.LocalSecretKeyRef
	// Kubeconfig is the consumer's credential for this place.
	Kubeconfig []byte
	// RenewAt is when Repair has to be called at the latest, because time alone changes the credential then. Zero is never.
	RenewAt time.Time
}
