// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
	"sigs.k8s.io/multicluster-runtime/providers/single"

	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
)

// Cluster is the name of the only cluster.
const Cluster multicluster.ClusterName = ""

// Provider is one plain cluster.
type Provider struct {
	*single.Provider
	places *Places
	reader client.Reader
}

var _ providers.Provider = &Provider{}

// New returns a provider for cl, which somebody else starts. It fails if the address or CA of cl cannot be found out.
func New(cl cluster.Cluster, opts Options) (*Provider, error) {
	endpoint, err := credential.NewEndpoint(cl.GetConfig(), opts.External)
	if err != nil {
		return nil, fmt.Errorf("finding out how consumers reach the cluster: %w", err)
	}
	site := Site{Cluster: Cluster, Client: cl.GetClient(), Live: cl.GetAPIReader(), Endpoint: endpoint}
	return &Provider{Provider: single.New(Cluster, cl), places: NewPlaces(site, opts), reader: cl.GetClient()}, nil
}

// Place implements providers.Tenancy.
func (p *Provider) Place(ctx context.Context, name multicluster.ClusterName, consumer providers.Consumer) (*providers.Place, error) {
	if name != Cluster {
		return nil, multicluster.ErrClusterNotFound
	}
	return p.places.Place(ctx, consumer)
}

// Repair implements providers.Tenancy.
func (p *Provider) Repair(ctx context.Context, place providers.Place) (*providers.Place, error) {
	if place.Cluster != Cluster {
		return nil, multicluster.ErrClusterNotFound
	}
	return p.places.Repair(ctx, place.Namespace)
}

// Remove implements providers.Tenancy.
func (p *Provider) Remove(ctx context.Context, place providers.Place) error {
	if place.Cluster != Cluster {
		return multicluster.ErrClusterNotFound
	}
	return p.places.Remove(ctx, place.Namespace)
}

// Serve implements providers.Tenancy: the API server of the places is the one that serves what is offered.
func (p *Provider) Serve(ctx context.Context, name multicluster.ClusterName, _ []schema.GroupResource) error {
	_, err := p.Host(ctx, name)
	return err
}

// Host implements providers.Topology.
func (p *Provider) Host(_ context.Context, name multicluster.ClusterName) (multicluster.ClusterName, error) {
	if name != Cluster {
		return "", multicluster.ErrClusterNotFound
	}
	return Cluster, nil
}

// Guests implements providers.Topology.
func (p *Provider) Guests(name multicluster.ClusterName) []multicluster.ClusterName {
	return []multicluster.ClusterName{name}
}

// Schemas implements providers.Catalog, with labelled CRDs.
func (p *Provider) Schemas(ctx context.Context, name multicluster.ClusterName, resources []schema.GroupResource) (providers.Schemas, error) {
	if name != Cluster {
		return nil, multicluster.ErrClusterNotFound
	}
	return Schemas(ctx, p.reader, resources)
}

// SchemaKinds implements providers.Catalog.
func (p *Provider) SchemaKinds() []client.Object {
	return []client.Object{&apiextensionsv1.CustomResourceDefinition{}}
}

// SchemasOf implements providers.Catalog.
func (p *Provider) SchemasOf(obj client.Object) []schema.GroupResource {
	return []schema.GroupResource{SchemaOf(obj)}
}
