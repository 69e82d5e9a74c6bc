// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Fleet is all logical clusters of a provider, and what runs controllers in them.
type Fleet struct {
	// Manager runs the controllers. nil for who only reads.
	Manager mcmanager.Manager
	// Provider of the logical clusters.
	Provider providers.Provider
	// Metrics count what the controllers work on. Nil: nothing is counted.
	Metrics *Metrics
	// Fence keeps reconcilers from logical clusters that another replica works on. Nil: there are none.
	Fence func(mcreconcile.Reconciler) mcreconcile.Reconciler
}

// fenced returns a reconciler that works only where it should.
func (f Fleet) fenced(r mcreconcile.Reconciler) mcreconcile.Reconciler {
	if f.Fence == nil {
		return r
	}
	return f.Fence(r)
}

// Scope returns the scope of a logical cluster, or an error that is multicluster.ErrClusterNotFound.
func (f Fleet) Scope(ctx context.Context, name multicluster.ClusterName) (Scope, error) {
	cl, err := f.Provider.Get(ctx, name)
	if err != nil {
		return Scope{}, fmt.Errorf("getting the logical cluster %q: %w", name, err)
	}
	return ScopeOf(name, cl), nil
}

// Host returns the scope of the logical cluster whose templates count in this one: mostly itself.
func (f Fleet) Host(ctx context.Context, scope Scope) (Scope, error) {
	name, err := f.Provider.Host(ctx, scope.Cluster)
	if err != nil {
		return Scope{}, fmt.Errorf("finding the host of the logical cluster %q: %w", scope.Cluster, err)
	}
	if name == scope.Cluster {
		return scope, nil
	}
	host, err := f.Scope(ctx, name)
	if errors.Is(err, multicluster.ErrClusterNotFound) {
		return Scope{}, hostGone()
	}
	return host, err
}

// hostGone is what a place that is a logical cluster of its own is told when its host is served no more.
func hostGone() error {
	return Block(kubebindv1alpha2.ReasonProviderGone,
		"the provider's workspace does not take part in kube-bind any more: nothing new can be bound, and what is bound is not looked after")
}

// Guests returns the scopes of the logical clusters in which places of a host's consumers may lie.
func (f Fleet) Guests(ctx context.Context, host Scope) []Scope {
	var out []Scope
	for _, name := range f.Provider.Guests(host.Cluster) {
		if name == host.Cluster {
			out = append(out, host)
		} else if guest, err := f.Scope(ctx, name); err == nil { // else it has just gone
			out = append(out, guest)
		}
	}
	return out
}

// Schemas returns what is offered of these resources in a logical cluster: what its host offers.
func (f Fleet) Schemas(ctx context.Context, scope Scope, resources []kubebindv1alpha2.ExportedResource) (providers.Schemas, error) {
	host, err := f.Provider.Host(ctx, scope.Cluster)
	if err != nil {
		return nil, fmt.Errorf("finding the host of the logical cluster %q: %w", scope.Cluster, err)
	}
	found, err := f.Provider.Schemas(ctx, host, GroupResources(resources))
	if host != scope.Cluster && errors.Is(err, multicluster.ErrClusterNotFound) {
		return nil, hostGone()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the schemas: %w", err)
	}
	return found, nil
}

// GroupResources returns the resources without versions.
func GroupResources(resources []kubebindv1alpha2.ExportedResource) []schema.GroupResource {
	out := make([]schema.GroupResource, 0, len(resources))
	for _, r := range resources {
		out = append(out, r.GroupResource.GroupResource())
	}
	return out
}

// SchemaWatches watch everything that schemas are read from. keys returns whom the schemas of resources concern, in one
// logical cluster; it is asked for each one whose host the schema is in.
func (f Fleet) SchemaWatches(keys func(ctx context.Context, scope Scope, about func([]kubebindv1alpha2.ExportedResource) bool) ([]Key, error)) []Watch {
	var out []Watch
	for _, kind := range f.Provider.SchemaKinds() {
		out = append(out, Watch{Object: kind, Guests: true, Keys: func(ctx context.Context, scope Scope, obj client.Object) ([]Key, error) {
			changed := f.Provider.SchemasOf(obj)
			if len(changed) == 0 {
				return nil, nil
			}
			return keys(ctx, scope, func(resources []kubebindv1alpha2.ExportedResource) bool { return shared(changed, resources) })
		}})
	}
	return out
}

func shared(changed []schema.GroupResource, resources []kubebindv1alpha2.ExportedResource) bool {
	for _, r := range resources {
		for _, c := range changed {
			if r.GroupResource.GroupResource() == c {
				return true
			}
		}
	}
	return false
}
