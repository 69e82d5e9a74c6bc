// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
)

// retryAfter is how long kcp usually takes for its part.
const retryAfter = 200 * time.Millisecond

// Place implements providers.Tenancy.
func (p *Provider) Place(ctx context.Context, name multicluster.ClusterName, consumer providers.Consumer) (*providers.Place, error) {
	m := p.members.get(name)
	if m == nil {
		return nil, multicluster.ErrClusterNotFound
	}
	if consumer.Identity == "" || consumer.Requester == "" {
		return nil, &providers.InvalidConsumerError{Message: "a consumer needs an identity and a requester"}
	}
	if m.lodging.Host != "" {
		return nil, &providers.InvalidConsumerError{Message: "this workspace is a consumer's place; ask in the workspace of its provider"}
	}
	if p.opts.Tenancy == Workspaces {
		return p.placeInWorkspace(ctx, m, consumer)
	}
	return p.placeIn(ctx, m, consumer)
}

// placeInWorkspace furnishes a consumer's workspace as soon as kube-bind's API is bound in it, while kcp still completes it. The
// place is there when both are done.
func (p *Provider) placeInWorkspace(ctx context.Context, host *member, consumer providers.Consumer) (*providers.Place, error) {
	workspace, guest, err := p.ensureWorkspace(ctx, host, consumer)
	if err != nil {
		return nil, err
	}
	place, err := p.placeIn(ctx, guest, consumer)
	if err != nil {
		return nil, err
	}
	return place, p.complete(ctx, host, workspace)
}

func (p *Provider) placeIn(ctx context.Context, m *member, consumer providers.Consumer) (*providers.Place, error) {
	places, err := p.places(m)
	if err != nil {
		return nil, err
	}
	place, err := places.Place(ctx, consumer)
	if err != nil {
		return nil, err
	}
	return m.isolated(ctx, place)
}

// isolated adds to a place that nobody else is in its logical cluster, if so.
func (m *member) isolated(ctx context.Context, place *providers.Place) (*providers.Place, error) {
	if m.lodging.Host == "" {
		return place, nil
	}
	none := kubebindv1alpha2.IsolationNone
	place.Isolation = &none
	return place, m.lendDefault(ctx, place.Namespace)
}

// lendDefault lends a consumer the namespace default of its workspace. kcp makes one in each workspace, so that it is not the
// consumer's as others are that come with its objects.
func (m *member) lendDefault(ctx context.Context, contract string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceDefault}}
	err := m.client.Get(ctx, client.ObjectKeyFromObject(ns), ns)
	if apierrors.IsNotFound(err) {
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, kubebindv1alpha2.AllowAdoptionAnnotation, contract)
		if err := m.client.Create(ctx, ns); err == nil {
			return nil
		} else if !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("making the namespace %s: %w", ns.Name, err)
		}
		err = m.live.Get(ctx, client.ObjectKeyFromObject(ns), ns) // the cache does not have it yet
	}
	if err != nil {
		return fmt.Errorf("reading the namespace %s: %w", ns.Name, err)
	}
	if kubebindv1alpha2.Adoptable(ns, contract) {
		return nil
	}
	lent := ns.DeepCopy()
	metav1.SetMetaDataAnnotation(&lent.ObjectMeta, kubebindv1alpha2.AllowAdoptionAnnotation, contract)
	if err := m.client.Patch(ctx, lent, client.MergeFrom(ns)); err != nil {
		return fmt.Errorf("lending the namespace %s: %w", ns.Name, err)
	}
	return nil
}

// Repair implements providers.Tenancy.
func (p *Provider) Repair(ctx context.Context, place providers.Place) (*providers.Place, error) {
	m := p.members.get(place.Cluster)
	if m == nil {
		return nil, multicluster.ErrClusterNotFound
	}
	places, err := p.places(m)
	if err != nil {
		return nil, err
	}
	repaired, err := places.Repair(ctx, place.Namespace)
	if err != nil {
		return nil, err
	}
	return m.isolated(ctx, repaired)
}

// Remove implements providers.Tenancy. A consumer's workspace goes when nothing is left in it but the ClusterBinding.
func (p *Provider) Remove(ctx context.Context, place providers.Place) error {
	m := p.members.get(place.Cluster)
	if m == nil {
		return multicluster.ErrClusterNotFound
	}
	places, err := p.places(m)
	if err != nil {
		return err
	}
	return places.Remove(ctx, place.Namespace)
}

// places are those in a member.
func (p *Provider) places(m *member) (*kube.Places, error) {
	direct, err := p.direct(m)
	if err != nil {
		return nil, err
	}
	site := kube.Site{
		Cluster: m.name, Client: m.client, Live: m.live, Direct: direct, Endpoint: p.endpoint.ForCluster(string(m.name)),
	}
	if m.lodging.Host != "" {
		site.Exclusive = true
		site.Last = func(ctx context.Context) error { return p.deleteWorkspace(ctx, m.lodging) }
	}
	return kube.NewPlaces(site, p.opts.Places), nil
}

// direct is a client for the workspace itself. Of a consumer's workspace only ServiceAccounts are of interest there, so that
// its APIs need not be read.
func (p *Provider) direct(m *member) (client.Client, error) {
	cfg, err := ConfigFor(p.config, string(m.name))
	if err != nil {
		return nil, err
	}
	opts := client.Options{Scheme: p.local.GetScheme(), HTTPClient: m.shard.http}
	if m.lodging.Host != "" {
		accounts := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
		accounts.Add(corev1.SchemeGroupVersion.WithKind("ServiceAccount"), meta.RESTScopeNamespace)
		opts.Mapper = accounts
	}
	out, err := client.New(cfg, opts)
	if err != nil {
		return nil, fmt.Errorf("making a client for the workspace: %w", err)
	}
	return out, nil
}
