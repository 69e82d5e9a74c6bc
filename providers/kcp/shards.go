// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	kcpcache "github.com/kcp-dev/apimachinery/v2/pkg/cache"
	"github.com/kcp-dev/logicalcluster/v3"
	mcpcache "github.com/kcp-dev/multicluster-provider/pkg/cache"
	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// shard is the virtual workspace of the APIExport on one of kcp's shards, with a cache of all its workspaces.
type shard struct {
	url    string
	config *rest.Config
	// export and exportCluster are what bindings have to be of.
	export, exportCluster string
	cache                 mcpcache.WildcardCache
	boards                *switchboards
	bindings              toolscache.SharedIndexInformer
	// http and mapper are shared by the clients of all workspaces: the same APIs are served in each of them.
	http   *http.Client
	mapper meta.RESTMapper
	ctx    context.Context
	stop   context.CancelFunc
}

// watchSlice follows the endpoint slice of the APIExport until ctx ends.
func (p *Provider) watchSlice(ctx context.Context) error {
	informer, err := p.local.GetCache().GetInformer(ctx, &apisv1alpha1.APIExportEndpointSlice{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watching APIExportEndpointSlices: %w", err)
	}
	wake := func(any) { p.sliceChanged() }
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: wake, DeleteFunc: wake, UpdateFunc: func(_, now any) { wake(now) },
	})
	if err != nil {
		return fmt.Errorf("watching APIExportEndpointSlices: %w", err)
	}
	go func() {
		<-ctx.Done()
		_ = informer.RemoveEventHandler(registration)
	}()
	return nil
}

// sliceChanged has the shards compared with the endpoint slice.
func (p *Provider) sliceChanged() { p.queue.Add(task{shards: true}) }

// syncShards starts and stops shards, so that they are those of the endpoint slice. As long as there is no slice the shards
// stay: it is made anew with the APIExport's, and consumers are not to suffer from that.
func (p *Provider) syncShards(ctx context.Context) error {
	slice := &apisv1alpha1.APIExportEndpointSlice{}
	if err := p.local.GetCache().Get(ctx, client.ObjectKey{Name: p.opts.EndpointSlice}, slice); err != nil {
		return fmt.Errorf("reading the APIExportEndpointSlice %s: %w", p.opts.EndpointSlice, err)
	}
	p.members.setHome(slice.Spec.APIExport.Path)
	have := p.members.shards()
	urls := make([]string, 0, len(have))
	for _, s := range have {
		urls = append(urls, s.url)
	}
	start, stop := compareShards(urls, endpoints(slice))
	for _, url := range start {
		s, err := p.newShard(url)
		if err != nil {
			return err
		}
		// First, so that no event comes of a shard that nobody knows.
		p.members.addShard(s)
		go p.runShard(s)
	}
	for _, url := range stop {
		p.stopShard(p.members.shard(url))
	}
	return nil
}

// endpoints are the URLs of the shards that an endpoint slice names.
func endpoints(slice *apisv1alpha1.APIExportEndpointSlice) []string {
	var out []string
	for _, endpoint := range slice.Status.APIExportEndpoints {
		if endpoint.URL != "" && !slices.Contains(out, endpoint.URL) {
			out = append(out, endpoint.URL)
		}
	}
	return out
}

// compareShards returns the URLs of the shards to start and to stop, so that those of want are there.
func compareShards(have, want []string) (start, stop []string) {
	return missing(want, have), missing(have, want)
}

// missing are the elements of all that are not in some.
func missing(all, some []string) []string {
	var out []string
	for _, one := range all {
		if !slices.Contains(some, one) {
			out = append(out, one)
		}
	}
	return out
}

// newShard returns a shard, and has tasks made of the bindings of the APIExport on it once it runs.
func (p *Provider) newShard(url string) (*shard, error) {
	s := &shard{url: url, config: rest.CopyConfig(p.config)}
	s.config.Host = url
	var err error
	if s.exportCluster, s.export, err = exportOf(url); err != nil {
		return nil, err
	}
	if s.http, err = rest.HTTPClientFor(s.config); err != nil {
		return nil, fmt.Errorf("making the HTTP client for %s: %w", url, err)
	}
	wildcard := rest.CopyConfig(s.config)
	wildcard.Host = strings.TrimSuffix(url, "/") + "/clusters/*"
	if s.mapper, err = apiutil.NewDynamicRESTMapper(wildcard, s.http); err != nil {
		return nil, fmt.Errorf("reading the APIs at %s: %w", url, err)
	}
	opts := p.opts.Cache
	opts.Scheme, opts.HTTPClient, opts.Mapper = p.local.GetScheme(), s.http, s.mapper
	if s.cache, err = mcpcache.NewWildcardCache(s.config, opts); err != nil {
		return nil, fmt.Errorf("making the cache for %s: %w", url, err)
	}
	s.boards = newSwitchboards(s.cache, opts.Scheme)
	if s.bindings, _, _, err = s.cache.GetSharedInformer(&apisv1alpha2.APIBinding{}); err != nil {
		return nil, fmt.Errorf("watching APIBindings at %s: %w", url, err)
	}
	wake := func(obj any) {
		if deleted, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
			obj = deleted.Obj
		}
		if binding, ok := obj.(*apisv1alpha2.APIBinding); ok && s.ours(binding) {
			p.queue.Add(task{cluster: multicluster.ClusterName(logicalcluster.From(binding))})
		}
	}
	if _, err := s.bindings.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: wake, DeleteFunc: wake, UpdateFunc: func(_, now any) { wake(now) },
	}); err != nil {
		return nil, fmt.Errorf("watching APIBindings at %s: %w", url, err)
	}
	for _, kind := range append(p.SchemaKinds(), p.opts.Kinds...) {
		if _, err := s.cache.GetInformer(p.lifetime, kind, cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("watching %T at %s: %w", kind, url, err)
		}
	}
	// A shard lives as long as the provider, and not as long as the pass that starts it.
	s.ctx, s.stop = context.WithCancel(p.lifetime)
	return s, nil
}

func (p *Provider) runShard(s *shard) {
	p.opts.Logger.Info("watching workspaces", "endpoint", s.url)
	if err := s.cache.Start(s.ctx); err != nil {
		p.opts.Logger.Error(err, "the cache of a shard has ended", "endpoint", s.url)
	}
}

// stopShard ends a shard. Its members go to the shard that has them now, or away.
func (p *Provider) stopShard(s *shard) {
	p.opts.Logger.Info("not watching workspaces any more", "endpoint", s.url)
	p.members.removeShard(s)
	s.stop()
	for _, name := range p.members.on(s) {
		p.queue.Add(task{cluster: name})
	}
}

// ours tells whether a binding is one of kube-bind's APIExport.
func (s *shard) ours(binding *apisv1alpha2.APIBinding) bool {
	export := binding.Spec.Reference.Export
	return export != nil && export.Name == s.export && (binding.Status.APIExportClusterName == "" || binding.Status.APIExportClusterName == s.exportCluster)
}

// bound returns the binding by which a logical cluster is served, or nil. One that is being deleted still counts: what it
// brought is cleared up by the controllers.
func (s *shard) bound(name multicluster.ClusterName) *apisv1alpha2.APIBinding {
	objects, err := s.bindings.GetIndexer().ByIndex(kcpcache.ClusterIndexName, string(name))
	if err != nil {
		return nil
	}
	for _, obj := range objects {
		binding, ok := obj.(*apisv1alpha2.APIBinding)
		if ok && s.ours(binding) && binding.Status.Phase == apisv1alpha2.APIBindingPhaseBound {
			return binding
		}
	}
	return nil
}
