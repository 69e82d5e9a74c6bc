// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
	"sigs.k8s.io/multicluster-runtime/providers/single"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
)

// Cluster is the name of the only cluster.
const Cluster multicluster.ClusterName = ""

// retryAfter is how long the token controller and the namespace controller usually take.
const retryAfter = 200 * time.Millisecond

// Options say what places look like.
type Options struct {
	// NamespacePrefix starts the name of each contract namespace. No default.
	NamespacePrefix string
	// PrettyName is the provider's name for people, which consumers see. No default.
	PrettyName string
	// External is how consumers reach the API server. The default is: as this process does.
	External credential.External
	// TokenLifetime is for how long a consumer's token is asked to be good; what the API server makes of it counts. Half of it
	// later the token is renewed. The default, 0, is tokens that do not expire.
	TokenLifetime time.Duration
	// Now is the clock for renewals. The default is time.Now.
	Now func() time.Time
}

// Provider is one plain cluster.
type Provider struct {
	*single.Provider
	client   client.Client
	live     client.Reader
	endpoint credential.Endpoint
	opts     Options
}

var _ providers.Provider = &Provider{}

// New returns a provider for cl, which somebody else starts. It fails if the address or CA of cl cannot be found out.
func New(cl cluster.Cluster, opts Options) (*Provider, error) {
	endpoint, err := credential.NewEndpoint(cl.GetConfig(), opts.External)
	if err != nil {
		return nil, fmt.Errorf("finding out how consumers reach the cluster: %w", err)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Provider{
		Provider: single.New(Cluster, cl),
		client:   cl.GetClient(),
		live:     cl.GetAPIReader(),
		endpoint: endpoint,
		opts:     opts,
	}, nil
}

// Place implements providers.Tenancy.
func (p *Provider) Place(ctx context.Context, name multicluster.ClusterName, consumer providers.Consumer) (*providers.Place, error) {
	if name != Cluster {
		return nil, multicluster.ErrClusterNotFound
	}
	if consumer.Identity == "" || consumer.Requester == "" {
		return nil, &providers.InvalidConsumerError{Message: "a consumer needs an identity and a requester"}
	}
	ns, err := p.ensureNamespace(ctx, consumer)
	if err != nil {
		return nil, err
	}
	return p.furnish(ctx, ns, consumer)
}

// Repair implements providers.Tenancy.
func (p *Provider) Repair(ctx context.Context, place providers.Place) (*providers.Place, error) {
	if place.Cluster != Cluster {
		return nil, multicluster.ErrClusterNotFound
	}
	ns := &corev1.Namespace{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: place.Namespace}, ns); err != nil {
		return nil, fmt.Errorf("reading the contract namespace: %w", err)
	}
	consumer := ownerOf(ns)
	if consumer.Identity == "" {
		return nil, &providers.ForeignError{Object: "Namespace " + ns.Name, Message: "it names no identity"}
	}
	if !ns.DeletionTimestamp.IsZero() {
		return nil, &providers.NotReadyError{Message: "the place is being removed", RetryAfter: retryAfter}
	}
	return p.furnish(ctx, ns, consumer)
}

// furnish makes everything in a contract namespace.
func (p *Provider) furnish(ctx context.Context, ns *corev1.Namespace, consumer providers.Consumer) (*providers.Place, error) {
	binding, err := p.ensureClusterBinding(ctx, ns.Name, consumer)
	if err != nil {
		return nil, fmt.Errorf("making the ClusterBinding: %w", err)
	}
	account, err := p.ensureAccount(ctx, ns.Name)
	if err != nil {
		return nil, fmt.Errorf("making the ServiceAccount: %w", err)
	}
	if err := p.ensureRights(ctx, ns.Name); err != nil {
		return nil, err
	}
	place := &providers.Place{Cluster: Cluster, Namespace: ns.Name, KubeconfigSecret: binding.Spec.KubeconfigSecretRef}
	if err := p.ensureCredential(ctx, account, place); err != nil {
		return nil, err
	}
	return place, nil
}

// ensureNamespace finds or makes the contract namespace of a consumer. What is there and not this consumer's is left
// alone.
func (p *Provider) ensureNamespace(ctx context.Context, consumer providers.Consumer) (*corev1.Namespace, error) {
	want := &corev1.Namespace{}
	want.Name = mapping.ContractNamespaceName(p.opts.NamespacePrefix, consumer.Identity)
	want.Annotations = map[string]string{
		kubebindv1alpha2.IdentityAnnotation:  consumer.Identity,
		kubebindv1alpha2.RequesterAnnotation: consumer.Requester,
		kubebindv1alpha2.AuthorAnnotation:    consumer.Author,
	}
	return ensure(ctx, p, want, func(have *corev1.Namespace) (bool, error) {
		if err := belongs(have, consumer); err != nil {
			return false, err
		}
		if !have.DeletionTimestamp.IsZero() {
			return false, &providers.NotReadyError{Message: "the place is being removed", RetryAfter: retryAfter}
		}
		return moveLegacyIdentity(have), nil
	})
}

// ownerOf reads what a contract namespace says about its consumer.
func ownerOf(ns *corev1.Namespace) providers.Consumer {
	identity := ns.Annotations[kubebindv1alpha2.IdentityAnnotation]
	if identity == "" {
		identity = ns.Annotations[kubebindv1alpha2.LegacyIdentityAnnotation]
	}
	return providers.Consumer{
		Identity:  identity,
		Requester: ns.Annotations[kubebindv1alpha2.RequesterAnnotation],
		Author:    ns.Annotations[kubebindv1alpha2.AuthorAnnotation],
	}
}

// belongs tells whether the namespace is this consumer's place. One without a requester was made by an older backend:
// nobody can prove that it is theirs, so an administrator has to say whose it is.
func belongs(ns *corev1.Namespace, consumer providers.Consumer) error {
	owner := ownerOf(ns)
	switch {
	case owner.Identity == "":
		return &providers.ForeignError{Object: "Namespace " + ns.Name, Message: "it names no identity; choose another namespace prefix, or remove it"}
	case owner.Identity != consumer.Identity:
		return &providers.ForeignError{Object: "Namespace " + ns.Name, Message: "it is the place of another identity"}
	case owner.Requester == "":
		return &providers.ForeignError{
			Object:  "Namespace " + ns.Name,
			Message: "it names no requester; an administrator may set its annotation " + kubebindv1alpha2.RequesterAnnotation,
		}
	case owner.Requester != consumer.Requester:
		return &providers.IdentityTakenError{Identity: consumer.Identity}
	}
	return nil
}

func moveLegacyIdentity(ns *corev1.Namespace) bool {
	legacy, found := ns.Annotations[kubebindv1alpha2.LegacyIdentityAnnotation]
	if !found {
		return false
	}
	if ns.Annotations[kubebindv1alpha2.IdentityAnnotation] == "" {
		ns.Annotations[kubebindv1alpha2.IdentityAnnotation] = legacy
	}
	delete(ns.Annotations, kubebindv1alpha2.LegacyIdentityAnnotation)
	return true
}

// attempts to write an object that somebody else is writing too.
const attempts = 5

// ensure creates want, or hands what is there to merge and updates it if merge changed it. Others may do the same at
// the same time. It returns the object as it is then.
func ensure[E any, T interface {
	*E
	client.Object
}](ctx context.Context, p *Provider, want T, merge func(have T) (bool, error)) (T, error) {
	key := client.ObjectKeyFromObject(want)
	var reader client.Reader = p.client
	for range attempts {
		have := T(new(E))
		err := reader.Get(ctx, key, have)
		// The cache does not have everything: from now on only the server is asked.
		reader = p.live
		switch {
		case apierrors.IsNotFound(err):
			made := want.DeepCopyObject().(T)
			if err := p.client.Create(ctx, made); err == nil {
				return made, nil
			} else if !apierrors.IsAlreadyExists(err) {
				return nil, fmt.Errorf("creating: %w", err)
			}
			continue
		case err != nil:
			return nil, fmt.Errorf("reading: %w", err)
		}
		if changed, err := merge(have); err != nil || !changed {
			return have, err
		}
		if err := p.client.Update(ctx, have); err == nil {
			return have, nil
		} else if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("updating: %w", err)
		}
	}
	return nil, &providers.NotReadyError{Message: fmt.Sprintf("%s is being changed by others", key), RetryAfter: retryAfter}
}
