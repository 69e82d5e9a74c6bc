// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	gosync "sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
)

// Referrer is a resource of the consumer whose objects refer to claimed ones.
type Referrer struct {
	// Resource is the resource, in the version that is read.
	Resource schema.GroupVersionResource
	// ID changes whenever Counts or Targets would give other results.
	ID string
	// Counts says whether what an object refers to counts. Nil: it does.
	Counts func(object *unstructured.Unstructured) bool
	// Targets lists what an object refers to. The object is JSON, and lies in the given namespace.
	Targets func(object []byte, namespace string) []types.NamespacedName
}

func (r Referrer) key() string { return r.Resource.String() + " " + r.ID }

// referencesField holds what an object refers to, in caches of referrers, which keep nothing else of it.
const referencesField = "references"

// references answers what is referred to, from an index that events keep: a change of one object costs the evaluation of
// that object, however many there are.
type references struct {
	engine *engine
	// changed is called with what begins or ends to be referred to, synchronized when a referrer is known in full.
	changed      func(types.NamespacedName)
	synchronized func()

	mu        gosync.RWMutex
	count     map[types.NamespacedName]int
	referrers map[string]*referrer
	retired   gosync.WaitGroup
}

// referrer is one watched Referrer. What its objects refer to is as its events say; the cache may be ahead of them.
type referrer struct {
	*informers
	known map[cache.ObjectName]sets.Set[types.NamespacedName]
}

func newReferences(e *engine, changed func(types.NamespacedName), synchronized func()) *references {
	return &references{engine: e, changed: changed, synchronized: synchronized, count: map[types.NamespacedName]int{}, referrers: map[string]*referrer{}}
}

// watch follows exactly these referrers.
func (r *references) watch(ctx context.Context, want []Referrer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	wanted := sets.New[string]()
	for _, referrer := range want {
		key := referrer.key()
		wanted.Insert(key)
		if _, ok := r.referrers[key]; ok {
			continue
		}
		follow := r.newReferrer(referrer)
		if err := follow.watch(ctx, sets.New(scope{})); err != nil {
			return fmt.Errorf("watching %s in the consumer: %w", referrer.Resource.Resource, err)
		}
		r.referrers[key] = follow
	}
	for key, old := range r.referrers {
		if !wanted.Has(key) {
			delete(r.referrers, key)
			r.retired.Go(func() { r.retire(old) })
		}
	}
	return nil
}

// retire stops a referrer, and forgets what its objects referred to once no more of its events can come.
func (r *references) retire(old *referrer) {
	old.stopAll()
	for _, targets := range old.known {
		r.replace(targets, nil)
	}
}

func (r *references) newReferrer(want Referrer) *referrer {
	out := &referrer{known: map[cache.ObjectName]sets.Set[types.NamespacedName]{}}
	// Events of one informer come one after the other.
	set := func(o any, targets sets.Set[types.NamespacedName]) {
		key, err := cache.DeletionHandlingObjectToName(o)
		if err != nil {
			return
		}
		before := out.known[key]
		if len(targets) > 0 {
			out.known[key] = targets
		} else {
			delete(out.known, key)
		}
		r.replace(before, targets)
	}
	out.informers = &informers{
		client:    r.engine.Consumer.Resource(want.Resource),
		transform: reduce(want),
		handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { set(o, targetsOf(o)) },
			UpdateFunc: func(_, o any) { set(o, targetsOf(o)) },
			DeleteFunc: func(o any) { set(o, nil) },
		},
		onError:  r.engine.watchFailed(here),
		onSynced: func(scope) { r.synchronized() },
		running:  map[scope]*informer{},
	}
	return out
}

// reduce keeps of an object its key and what it refers to.
func reduce(referrer Referrer) cache.TransformFunc {
	return func(o any) (any, error) {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return o, nil
		}
		if _, done := u.Object[referencesField]; done {
			return o, nil
		}
		found, err := referredTo(referrer, u)
		if err != nil {
			return nil, err
		}
		reduced := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": u.GetAPIVersion(), "kind": u.GetKind(), referencesField: found,
		}}
		reduced.SetNamespace(u.GetNamespace())
		reduced.SetName(u.GetName())
		reduced.SetUID(u.GetUID())
		reduced.SetResourceVersion(u.GetResourceVersion())
		return reduced, nil
	}
}

func referredTo(referrer Referrer, o *unstructured.Unstructured) ([]any, error) {
	if referrer.Counts != nil && !referrer.Counts(o) {
		return nil, nil
	}
	data, err := json.Marshal(o.Object)
	if err != nil {
		return nil, err
	}
	var found []any
	for _, target := range referrer.Targets(data, o.GetNamespace()) {
		found = append(found, target.Namespace+"/"+target.Name)
	}
	return found, nil
}

func targetsOf(o any) sets.Set[types.NamespacedName] {
	out := sets.New[types.NamespacedName]()
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return out
	}
	found, _ := u.Object[referencesField].([]any)
	for _, target := range found {
		if name, err := cache.ParseObjectName(fmt.Sprint(target)); err == nil {
			out.Insert(name.AsNamespacedName())
		}
	}
	return out
}

// replace lets one object refer to others than before, and tells of what that begins or ends.
func (r *references) replace(before, after sets.Set[types.NamespacedName]) {
	var news []types.NamespacedName
	r.mu.Lock()
	for target := range after.Difference(before) {
		if r.count[target]++; r.count[target] == 1 {
			news = append(news, target)
		}
	}
	for target := range before.Difference(after) {
		if r.count[target]--; r.count[target] <= 0 {
			delete(r.count, target)
			news = append(news, target)
		}
	}
	r.mu.Unlock()
	for _, target := range news {
		r.changed(target)
	}
}

// has says whether an object is referred to. It is only certain when synced.
func (r *references) has(key types.NamespacedName) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.count[key] > 0
}

// keys lists all that is referred to in a namespace, or everywhere.
func (r *references) keys(namespace string) []types.NamespacedName {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []types.NamespacedName
	for key := range maps.Keys(r.count) {
		if namespace == "" || key.Namespace == namespace {
			out = append(out, key)
		}
	}
	return out
}

func (r *references) synced() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, i := range r.referrers {
		if !i.synced() {
			return false
		}
	}
	return true
}

func (r *references) wait() {
	r.retired.Wait()
	r.mu.RLock()
	referrers := slices.Collect(maps.Values(r.referrers))
	r.mu.RUnlock()
	// Without the lock: their last events take it.
	for _, i := range referrers {
		i.wait()
	}
}
