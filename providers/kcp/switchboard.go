// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	kcpcache "github.com/kcp-dev/apimachinery/v2/pkg/cache"
	"github.com/kcp-dev/logicalcluster/v3"
	mcpcache "github.com/kcp-dev/multicluster-provider/pkg/cache"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// switchboards pass the events of a shard on to the workspaces that they are of. Without them each watch of each workspace gets
// the events of all: with some 40 watches a workspace that is a megabyte for each, and much work for every event.
type switchboards struct {
	cache  mcpcache.WildcardCache
	scheme *runtime.Scheme

	mu     sync.Mutex
	boards map[schema.GroupVersionKind]*switchboard
}

func newSwitchboards(c mcpcache.WildcardCache, scheme *runtime.Scheme) *switchboards {
	return &switchboards{cache: c, scheme: scheme, boards: map[schema.GroupVersionKind]*switchboard{}}
}

// of returns the switchboard of a kind. It waits for nothing.
func (b *switchboards) of(gvk schema.GroupVersionKind, informer toolscache.SharedIndexInformer) (*switchboard, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if board := b.boards[gvk]; board != nil {
		return board, nil
	}
	board := &switchboard{informer: informer, lines: map[logicalcluster.Name]map[*line]bool{}}
	if _, err := informer.AddEventHandler(board); err != nil {
		return nil, fmt.Errorf("watching %s: %w", gvk, err)
	}
	b.boards[gvk] = board
	return board, nil
}

// switchboard passes the events of one kind on.
type switchboard struct {
	informer toolscache.SharedIndexInformer

	mu    sync.RWMutex
	lines map[logicalcluster.Name]map[*line]bool
}

// line is a handler of events in one workspace. As a registration it is in sync when the informer is: what was there before was
// passed on when the line was made.
type line struct {
	handler  toolscache.ResourceEventHandler
	cluster  logicalcluster.Name
	informer toolscache.SharedIndexInformer
}

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (l *line) HasSynced() bool { return l.informer.HasSynced() }

// HasSyncedChecker implements toolscache.ResourceEventHandlerRegistration.
func (l *line) HasSyncedChecker() toolscache.DoneChecker { return l.informer.HasSyncedChecker() }

// to returns the lines of the workspace that an object is in.
func (b *switchboard) to(obj any) []*line {
	if deleted, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = deleted.Obj
	}
	object, ok := obj.(client.Object)
	if !ok {
		return nil
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Collect(maps.Keys(b.lines[logicalcluster.From(object)]))
}

// OnAdd implements toolscache.ResourceEventHandler.
func (b *switchboard) OnAdd(obj any, initial bool) {
	for _, l := range b.to(obj) {
		l.handler.OnAdd(obj, initial)
	}
}

// OnUpdate implements toolscache.ResourceEventHandler.
func (b *switchboard) OnUpdate(before, now any) {
	for _, l := range b.to(now) {
		l.handler.OnUpdate(before, now)
	}
}

// OnDelete implements toolscache.ResourceEventHandler.
func (b *switchboard) OnDelete(obj any) {
	for _, l := range b.to(obj) {
		l.handler.OnDelete(obj)
	}
}

// connect passes the events of a workspace on to a handler, after what is there already. What comes meanwhile may come twice.
func (b *switchboard) connect(cluster logicalcluster.Name, handler toolscache.ResourceEventHandler) (*line, error) {
	l := &line{handler: handler, cluster: cluster, informer: b.informer}
	b.mu.Lock()
	if b.lines[cluster] == nil {
		b.lines[cluster] = map[*line]bool{}
	}
	b.lines[cluster][l] = true
	b.mu.Unlock()
	there, err := b.informer.GetIndexer().ByIndex(kcpcache.ClusterIndexName, cluster.String())
	if err != nil {
		b.disconnect(l)
		return nil, fmt.Errorf("listing what is there: %w", err)
	}
	for _, obj := range there {
		handler.OnAdd(obj, true)
	}
	return l, nil
}

func (b *switchboard) disconnect(l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lines[l.cluster], l)
	if len(b.lines[l.cluster]) == 0 {
		delete(b.lines, l.cluster)
	}
}

// siteCache is the library's cache of a workspace, with informers that are lines of a shard's switchboards.
type siteCache struct {
	cache.Cache
	cluster logicalcluster.Name
	boards  *switchboards
}

// GetInformer implements cache.Cache.
func (c *siteCache) GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	gvk, err := apiutil.GVKForObject(obj, c.boards.scheme)
	if err != nil {
		return nil, fmt.Errorf("watching %T: %w", obj, err)
	}
	return c.GetInformerForKind(ctx, gvk, opts...)
}

// GetInformerForKind implements cache.Cache.
func (c *siteCache) GetInformerForKind(ctx context.Context, gvk schema.GroupVersionKind, opts ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.boards.cache.GetInformerForKind(ctx, gvk, opts...)
	if err != nil {
		return nil, err
	}
	shared, ok := informer.(toolscache.SharedIndexInformer)
	if !ok {
		return nil, fmt.Errorf("watching %s: the informer is a %T", gvk, informer)
	}
	board, err := c.boards.of(gvk, shared)
	if err != nil {
		return nil, err
	}
	return &siteInformer{switchboard: board, cluster: c.cluster}, nil
}

// siteInformer is an informer of one workspace.
type siteInformer struct {
	*switchboard
	cluster logicalcluster.Name
}

var _ cache.Informer = &siteInformer{}

// AddEventHandler implements cache.Informer.
func (i *siteInformer) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.connect(i.cluster, handler)
}

// AddEventHandlerWithResyncPeriod implements cache.Informer, without resyncs.
func (i *siteInformer) AddEventHandlerWithResyncPeriod(handler toolscache.ResourceEventHandler, _ time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.connect(i.cluster, handler)
}

// AddEventHandlerWithOptions implements cache.Informer, without resyncs.
func (i *siteInformer) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.connect(i.cluster, handler)
}

// RemoveEventHandler implements cache.Informer.
func (i *siteInformer) RemoveEventHandler(registration toolscache.ResourceEventHandlerRegistration) error {
	l, ok := registration.(*line)
	if !ok {
		return fmt.Errorf("a %T is no registration of this informer", registration)
	}
	i.disconnect(l)
	return nil
}

// AddIndexers implements cache.Informer.
func (i *siteInformer) AddIndexers(toolscache.Indexers) error {
	return errors.New("the informer of one workspace has no indexers of its own")
}

// HasSynced implements cache.Informer.
func (i *siteInformer) HasSynced() bool { return i.informer.HasSynced() }

// HasSyncedChecker implements cache.Informer.
func (i *siteInformer) HasSyncedChecker() toolscache.DoneChecker {
	return i.informer.HasSyncedChecker()
}

// IsStopped implements cache.Informer.
func (i *siteInformer) IsStopped() bool { return i.informer.IsStopped() }
