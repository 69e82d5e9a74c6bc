// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	gosync "sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// scope is what one informer sees. The zero value is everything.
type scope struct {
	// namespace is empty for the whole cluster.
	namespace string
	// labels is a label selector.
	labels string
	// name is that of the only objects seen.
	name string
}

// inNamespaces are the scopes that see whole namespaces.
func inNamespaces(namespaces sets.Set[string]) sets.Set[scope] {
	scopes := make(sets.Set[scope], len(namespaces))
	for namespace := range namespaces {
		scopes.Insert(scope{namespace: namespace})
	}
	return scopes
}

// informers watches one resource on one side, in a changing set of scopes.
// client-go informers are used because the own-writes guard needs the resourceVersion that a store has seen, which
// controller-runtime's cache does not show.
type informers struct {
	client    dynamic.NamespaceableResourceInterface
	transform cache.TransformFunc
	handler   cache.ResourceEventHandler
	onError   func(error)
	// onSynced is called when the first list of a scope is in. What was not known before may then be planned, and no
	// event says so if the list is empty.
	onSynced func(scope)

	mu      gosync.RWMutex
	running map[scope]*informer
	done    gosync.WaitGroup
}

type informer struct {
	cache.SharedIndexInformer
	registration cache.ResourceEventHandlerRegistration
	stop         context.CancelFunc
}

// watch starts and stops informers until exactly the given scopes are watched. It does not wait for them.
func (i *informers) watch(ctx context.Context, scopes sets.Set[scope]) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for s, inf := range i.running {
		if !scopes.Has(s) {
			inf.stop()
			delete(i.running, s)
		}
	}
	for s := range scopes {
		if _, ok := i.running[s]; ok {
			continue
		}
		inf, err := i.start(ctx, s)
		if err != nil {
			return err
		}
		i.running[s] = inf
	}
	return nil
}

func (i *informers) start(ctx context.Context, s scope) (*informer, error) {
	shared := cache.NewSharedIndexInformer(i.listWatch(s), &unstructured.Unstructured{}, 0, cache.Indexers{
		cache.NamespaceIndex: cache.MetaNamespaceIndexFunc,
	})
	if err := shared.SetTransform(i.transform); err != nil {
		return nil, err
	}
	if err := shared.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		i.onError(err)
		cache.DefaultWatchErrorHandler(ctx, r, err)
	}); err != nil {
		return nil, err
	}
	registration, err := shared.AddEventHandler(i.handler)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	i.done.Go(func() { shared.RunWithContext(ctx) })
	i.done.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			i.onSynced(s)
		}
	})
	return &informer{SharedIndexInformer: shared, registration: registration, stop: stop}, nil
}

func (i *informers) listWatch(s scope) cache.ListerWatcher {
	resource := dynamic.ResourceInterface(i.client)
	if s.namespace != metav1.NamespaceAll {
		resource = i.client.Namespace(s.namespace)
	}
	narrow := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector = s.labels
		if s.name != "" {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, s.name).String()
		}
		return o
	}
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return resource.List(ctx, narrow(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return resource.Watch(ctx, narrow(o))
		},
	}, i.client)
}

// seen is what one side's cache knows of one object.
type seen struct {
	object  *unstructured.Unstructured // nil: absent
	version string                     // the store was at least here when the object was read
	known   bool                       // false: not watched or not synced, so nothing is known
}

// get reads one object. The store's version is read first: what is read after it cannot be older.
func (i *informers) get(key types.NamespacedName) seen {
	inf := i.informerOf(key.Namespace)
	if inf == nil {
		return seen{}
	}
	return inf.get(key)
}

func (inf *informer) get(key types.NamespacedName) seen {
	if !inf.registration.HasSynced() {
		return seen{}
	}
	version := inf.GetStore().LastStoreSyncResourceVersion()
	item, exists, err := inf.GetStore().GetByKey(cache.NamespacedNameAsObjectName(key).String())
	if err != nil {
		return seen{}
	}
	if !exists {
		return seen{version: version, known: true}
	}
	object, ok := item.(*unstructured.Unstructured)
	return seen{object: object, version: version, known: ok}
}

// informerOf is the one that sees a whole namespace.
func (i *informers) informerOf(namespace string) *informer {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if inf, ok := i.running[scope{}]; ok {
		return inf
	}
	return i.running[scope{namespace: namespace}]
}

// in reads one object in one scope. If that is not watched, nothing is known.
func (i *informers) in(s scope, key types.NamespacedName) seen {
	i.mu.RLock()
	inf, ok := i.running[s]
	i.mu.RUnlock()
	if !ok {
		return seen{}
	}
	return inf.get(key)
}

// each visits all cached objects. One that is in several scopes is visited as often.
func (i *informers) each(visit func(*unstructured.Unstructured)) {
	i.mu.RLock()
	stores := make([]cache.Store, 0, len(i.running))
	for _, inf := range i.running {
		stores = append(stores, inf.GetStore())
	}
	i.mu.RUnlock()
	for _, store := range stores {
		for _, item := range store.List() {
			if o, ok := item.(*unstructured.Unstructured); ok {
				visit(o)
			}
		}
	}
}

// any says whether there are cached objects in a namespace.
func (i *informers) any(namespace string) bool {
	inf := i.informerOf(namespace)
	if inf == nil {
		return false
	}
	names, err := inf.GetIndexer().IndexKeys(cache.NamespaceIndex, namespace)
	return err == nil && len(names) > 0
}

// keys lists the cached objects of one namespace.
func (i *informers) keys(namespace string) []types.NamespacedName {
	inf := i.informerOf(namespace)
	if inf == nil {
		return nil
	}
	names, err := inf.GetIndexer().IndexKeys(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil
	}
	keys := make([]types.NamespacedName, 0, len(names))
	for _, name := range names {
		parsed, err := cache.ParseObjectName(name)
		if err == nil {
			keys = append(keys, parsed.AsNamespacedName())
		}
	}
	return keys
}

// synced says whether every informer that should run has its first list, and its events have been delivered.
func (i *informers) synced() bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	for _, inf := range i.running {
		if !inf.registration.HasSynced() {
			return false
		}
	}
	return true
}

// stopAll stops all informers, and returns when no more events come.
func (i *informers) stopAll() {
	i.mu.Lock()
	for s, inf := range i.running {
		inf.stop()
		delete(i.running, s)
	}
	i.mu.Unlock()
	i.done.Wait()
}

// wait blocks until all informers have stopped, which they do when their context ends.
func (i *informers) wait() { i.done.Wait() }
