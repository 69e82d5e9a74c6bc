// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
)

// offer is an API that can be bound: which APIExport it is of, and which schema it has there.
type offer struct {
	// path and export are the APIExport.
	path, export string
	// schema is the name of the APIResourceSchema.
	schema string
	// local says that the APIExport is in the workspace that offers it.
	local bool
	// claims are how a consumer's workspace answers those of the APIExport.
	claims []apisv1alpha2.AcceptablePermissionClaim
}

// Schemas implements providers.Catalog. A host offers the labelled APIResourceSchemas of its APIExports; with the option
// OfferBindings what it has bound itself; and, with the tenancy Namespaces, labelled CRDs. With that tenancy only what is
// served in the host counts.
func (p *Provider) Schemas(ctx context.Context, host multicluster.ClusterName, resources []schema.GroupResource) (providers.Schemas, error) {
	m := p.members.get(host)
	if m == nil {
		return nil, multicluster.ErrClusterNotFound
	}
	out := providers.Schemas{}
	if p.opts.Tenancy == Namespaces {
		var err error
		if out, err = kube.Schemas(ctx, m.client, resources); err != nil {
			return nil, err
		}
	}
	offers, err := p.offers(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, gr := range resources {
		o, found := offers[gr]
		if !found || out[gr] != nil {
			continue
		}
		if out[gr], err = p.schemaOf(ctx, m, o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// offers are what a host offers by APIExports, by resource. Of two exports of one resource the first by name counts.
func (p *Provider) offers(ctx context.Context, host *member) (map[schema.GroupResource]offer, error) {
	var exports apisv1alpha2.APIExportList
	if err := host.client.List(ctx, &exports); err != nil {
		return nil, fmt.Errorf("listing APIExports: %w", err)
	}
	var bindings apisv1alpha2.APIBindingList
	if err := host.client.List(ctx, &bindings); err != nil {
		return nil, fmt.Errorf("listing APIBindings: %w", err)
	}
	labelled := func(name string) (bool, error) {
		s := &apisv1alpha1.APIResourceSchema{}
		if err := host.client.Get(ctx, client.ObjectKey{Name: name}, s); apierrors.IsNotFound(err) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("reading the APIResourceSchema %s: %w", name, err)
		}
		return s.Labels[kubebindv1alpha2.ExportedLabel] == kubebindv1alpha2.Exported, nil
	}
	out, err := offersOf(host.name, exports.Items, labelled)
	if err != nil {
		return nil, err
	}
	served := boundIn(bindings.Items)
	if p.opts.OfferBindings {
		for gr, o := range served {
			if _, found := out[gr]; !found && !kcpOwn(o.export) {
				out[gr] = o
			}
		}
	}
	if p.opts.Tenancy == Namespaces {
		maps.DeleteFunc(out, func(gr schema.GroupResource, _ offer) bool { _, found := served[gr]; return !found })
	}
	return out, nil
}

// offersOf are the labelled schemas of a workspace's own APIExports.
func offersOf(cluster multicluster.ClusterName, exports []apisv1alpha2.APIExport, labelled func(name string) (bool, error)) (map[schema.GroupResource]offer, error) {
	out := map[schema.GroupResource]offer{}
	slices.SortFunc(exports, func(a, b apisv1alpha2.APIExport) int { return cmp.Compare(a.Name, b.Name) })
	for i := range exports {
		e := &exports[i]
		for _, r := range e.Spec.Resources {
			gr := schema.GroupResource{Group: r.Group, Resource: r.Name}
			if _, found := out[gr]; found {
				continue
			}
			ok, err := labelled(r.Schema)
			if err != nil {
				return nil, err
			}
			if ok {
				out[gr] = offer{path: string(cluster), export: e.Name, schema: r.Schema, local: true, claims: accepted(e.Spec.PermissionClaims)}
			}
		}
	}
	return out, nil
}

// boundIn is what APIBindings have brought, by resource.
func boundIn(bindings []apisv1alpha2.APIBinding) map[schema.GroupResource]offer {
	out := map[schema.GroupResource]offer{}
	for i := range bindings {
		b := &bindings[i]
		if b.Spec.Reference.Export == nil || b.Status.Phase != apisv1alpha2.APIBindingPhaseBound {
			continue
		}
		for _, r := range b.Status.BoundResources {
			out[schema.GroupResource{Group: r.Group, Resource: r.Resource}] = offer{
				path: b.Status.APIExportClusterName, export: b.Spec.Reference.Export.Name, schema: r.Schema.Name, claims: passedOn(b),
			}
		}
	}
	return out
}

// kcpOwn tells whether an APIExport is kcp's or ours, which are in every workspace and offered by none.
func kcpOwn(export string) bool {
	return slices.Contains([]string{ExportName, "tenancy.kcp.io", "topology.kcp.io", "cache.kcp.io", "shards.core.kcp.io"}, export)
}

// SchemaKinds implements providers.Catalog.
func (p *Provider) SchemaKinds() []client.Object {
	out := []client.Object{&apisv1alpha2.APIExport{}, &apisv1alpha1.APIResourceSchema{}, &apisv1alpha2.APIBinding{}}
	if p.opts.Tenancy == Namespaces {
		out = append(out, &apiextensionsv1.CustomResourceDefinition{})
	}
	return out
}

// SchemasOf implements providers.Catalog.
func (p *Provider) SchemasOf(obj client.Object) []schema.GroupResource {
	var out []schema.GroupResource
	switch o := obj.(type) {
	case *apiextensionsv1.CustomResourceDefinition:
		out = append(out, kube.SchemaOf(o))
	case *apisv1alpha1.APIResourceSchema:
		out = append(out, schema.GroupResource{Group: o.Spec.Group, Resource: o.Spec.Names.Plural})
	case *apisv1alpha2.APIExport:
		for _, r := range o.Spec.Resources {
			out = append(out, schema.GroupResource{Group: r.Group, Resource: r.Name})
		}
	case *apisv1alpha2.APIBinding:
		for _, r := range o.Status.BoundResources {
			out = append(out, schema.GroupResource{Group: r.Group, Resource: r.Resource})
		}
	}
	return out
}
