// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
)

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

// Site is a logical cluster that places lie in.
type Site struct {
	// Cluster is its name.
	Cluster multicluster.ClusterName
	// Client reads from caches.
	Client client.Client
	// Live reads from the server.
	Live client.Reader
	// Direct reaches what Client and Live do not have because only some APIs are served there: tokens, and the exported
	// resources themselves. The default is Client, with reads from Live.
	Direct Direct
	// Endpoint is how consumers reach the logical cluster.
	Endpoint credential.Endpoint
	// Exclusive says that the logical cluster is one consumer's alone: what lies in it need not be looked for, copy by copy,
	// when the consumer is removed.
	Exclusive bool
	// Last is called when a consumer is removed, once nothing else is left but the ClusterBinding. May be nil.
	Last func(ctx context.Context) error
}

// Direct is a client without a cache.
type Direct interface {
	client.Reader
	client.Writer
	client.SubResourceClientConstructor
}

// Places are the places of consumers in a logical cluster, a namespace each.
type Places struct {
	cluster   multicluster.ClusterName
	client    client.Client
	live      client.Reader
	direct    Direct
	endpoint  credential.Endpoint
	exclusive bool
	last      func(ctx context.Context) error
	opts      Options
}

// NewPlaces returns the places in a logical cluster.
func NewPlaces(site Site, opts Options) *Places {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if site.Last == nil {
		site.Last = func(context.Context) error { return nil }
	}
	p := &Places{
		cluster: site.Cluster, client: site.Client, live: site.Live, direct: site.Direct, endpoint: site.Endpoint,
		exclusive: site.Exclusive, last: site.Last, opts: opts,
	}
	if p.direct == nil {
		p.direct = p.served()
	}
	return p
}

// served reaches, without a cache, what Client and Live do.
func (p *Places) served() Direct {
	return direct{Reader: p.live, Writer: p.client, SubResourceClientConstructor: p.client}
}

type direct struct {
	client.Reader
	client.Writer
	client.SubResourceClientConstructor
}

// Place is that of providers.Tenancy.
func (p *Places) Place(ctx context.Context, consumer providers.Consumer) (*providers.Place, error) {
	if consumer.Identity == "" || consumer.Requester == "" {
		return nil, &providers.InvalidConsumerError{Message: "a consumer needs an identity and a requester"}
	}
	ns, err := p.ensureNamespace(ctx, consumer)
	if err != nil {
		return nil, err
	}
	return p.furnish(ctx, ns, consumer)
}

// Repair is that of providers.Tenancy, for a contract namespace.
func (p *Places) Repair(ctx context.Context, namespace string) (*providers.Place, error) {
	ns := &corev1.Namespace{}
	if err := p.client.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
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
func (p *Places) furnish(ctx context.Context, ns *corev1.Namespace, consumer providers.Consumer) (*providers.Place, error) {
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
	place := &providers.Place{Cluster: p.cluster, Namespace: ns.Name, KubeconfigSecret: binding.Spec.KubeconfigSecretRef}
	if err := p.ensureCredential(ctx, account, place); err != nil {
		return nil, err
	}
	return place, nil
}

// ensureNamespace finds or makes the contract namespace of a consumer. What is there and not this consumer's is left
// alone.
func (p *Places) ensureNamespace(ctx context.Context, consumer providers.Consumer) (*corev1.Namespace, error) {
	want := &corev1.Namespace{}
	want.Name = mapping.ContractNamespaceName(p.opts.NamespacePrefix, consumer.Identity)
	want.Annotations = map[string]string{
		kubebindv1alpha2.IdentityAnnotation:  consumer.Identity,
		kubebindv1alpha2.RequesterAnnotation: consumer.Requester,
		kubebindv1alpha2.AuthorAnnotation:    consumer.Author,
	}
	return ensure(ctx, p, want, func(have *corev1.Namespace) (bool, error) {
		if err := Belongs("Namespace", have, consumer); err != nil {
			return false, err
		}
		if !have.DeletionTimestamp.IsZero() {
			return false, &providers.NotReadyError{Message: "the place is being removed", RetryAfter: retryAfter}
		}
		return moveLegacyIdentity(have), nil
	})
}

// ownerOf reads what a contract namespace, or a consumer's workspace, says about its consumer.
func ownerOf(place metav1.Object) providers.Consumer {
	annotations := place.GetAnnotations()
	identity := annotations[kubebindv1alpha2.IdentityAnnotation]
	if identity == "" {
		identity = annotations[kubebindv1alpha2.LegacyIdentityAnnotation]
	}
	return providers.Consumer{
		Identity:  identity,
		Requester: annotations[kubebindv1alpha2.RequesterAnnotation],
		Author:    annotations[kubebindv1alpha2.AuthorAnnotation],
	}
}

// Belongs tells whether an object of a kind is this consumer's place. One without a requester was made by an older backend:
// nobody can prove that it is theirs, so an administrator has to say whose it is.
func Belongs(kind string, place metav1.Object, consumer providers.Consumer) error {
	owner, object := ownerOf(place), kind+" "+place.GetName()
	switch {
	case owner.Identity == "":
		return &providers.ForeignError{Object: object, Message: "it names no identity; choose another namespace prefix, or remove it"}
	case owner.Identity != consumer.Identity:
		return &providers.ForeignError{Object: object, Message: "it is the place of another identity"}
	case owner.Requester == "":
		return &providers.ForeignError{
			Object:  object,
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
}](ctx context.Context, p *Places, want T, merge func(have T) (bool, error)) (T, error) {
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
