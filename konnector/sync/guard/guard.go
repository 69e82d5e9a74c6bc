// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// Side is one of the two sides of a syncer.
type Side int

const (
	// Consumer is the side where users write.
	Consumer Side = iota
	// Provider is the side where the copies are.
	Provider
)

// View is what a plan would be made on.
type View struct {
	// ConsumerRV and ProviderRV are the resource versions that the stores have seen, not those of the objects: see
	// LastStoreSyncResourceVersion in k8s.io/client-go/tools/cache. They must be read before the objects, so that the
	// objects are at least as new.
	ConsumerRV, ProviderRV string
	// ConsumerUID is the UID of the consumer object in the consumer's store, empty if there is none.
	ConsumerUID types.UID
	// ProviderUID is the UID of the copy in the provider's store, empty if there is none.
	ProviderUID types.UID
	// ProviderTerminating says that this copy has a deletion timestamp.
	ProviderTerminating bool
	// NoTarget says that the provider was not looked at, because the object has no place there now. Then own writes to the
	// provider do not count, but they are remembered: the place may come back, with a cache that is still behind.
	NoTarget bool
}

// Guard remembers, for each key, the own writes that the caches have not shown yet. It may be used concurrently.
type Guard struct {
	mu     sync.Mutex
	writes map[types.NamespacedName]memory
}

// memory is what was written to the objects of one key. The zero value is nothing.
type memory struct {
	consumer, provider string
	released, deleted  types.UID
}

// New returns a Guard that remembers nothing.
func New() *Guard {
	return &Guard{writes: map[types.NamespacedName]memory{}}
}

// Wrote remembers a write, by the resource version that the API server answered. One that cannot be compared is not
// remembered: nothing could ever be seen to be newer.
func (g *Guard) Wrote(key types.NamespacedName, side Side, resourceVersion string) {
	if _, err := resourceversion.CompareResourceVersion(resourceVersion, resourceVersion); err != nil {
		return
	}
	g.change(key, func(m *memory) {
		if side == Consumer {
			m.consumer = newer(m.consumer, resourceVersion)
		} else {
			m.provider = newer(m.provider, resourceVersion)
		}
	})
}

// Deleted remembers that the provider accepted a DELETE of the copy with this UID, which need not be answered with a
// resource version.
func (g *Guard) Deleted(key types.NamespacedName, uid types.UID) {
	g.change(key, func(m *memory) { m.deleted = uid })
}

// Released remembers that the consumer object with this UID lost the last of its finalizers while it was terminating.
// That deletes it, and the answer to such a patch carries the resource version of before, not that of the deletion
// (deleteWithoutFinalizers in k8s.io/apiserver/pkg/registry/generic/registry/store.go), so Wrote would not help.
func (g *Guard) Released(key types.NamespacedName, uid types.UID) {
	g.change(key, func(m *memory) { m.released = uid })
}

// Fresh says that the view shows all own writes to the objects of this key. If it does not, nothing must be planned: an
// event that brings the key back is still to come. What is seen is forgotten.
func (g *Guard) Fresh(key types.NamespacedName, view View) bool {
	fresh := false
	g.change(key, func(m *memory) {
		m.seeConsumer(view)
		if view.NoTarget {
			fresh = m.consumer == "" && m.released == ""
			if view.ConsumerUID == "" && fresh {
				*m = memory{} // there is no finalizer to release early, so nothing is worth remembering
			}
			return
		}
		m.seeProvider(view)
		fresh = *m == memory{}
	})
	return fresh
}

// seeConsumer, like seeProvider, knows that a released or deleted object was in the view that this was planned on: a
// view without it is a newer one.
func (m *memory) seeConsumer(view View) {
	if seen(view.ConsumerRV, m.consumer) {
		m.consumer = ""
	}
	if m.released != view.ConsumerUID {
		m.released = ""
	}
}

func (m *memory) seeProvider(view View) {
	if seen(view.ProviderRV, m.provider) {
		m.provider = ""
	}
	if m.deleted != view.ProviderUID || view.ProviderTerminating {
		m.deleted = ""
	}
}

// Forget forgets the writes to the objects of this key.
func (g *Guard) Forget(key types.NamespacedName) {
	g.change(key, func(m *memory) { *m = memory{} })
}

// Len is the number of keys with writes that were not seen yet.
func (g *Guard) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.writes)
}

func (g *Guard) change(key types.NamespacedName, f func(*memory)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.writes[key]
	f(&m)
	if m == (memory{}) {
		delete(g.writes, key)
		return
	}
	g.writes[key] = m
}

// seen says that a store that has seen one resource version has seen the other. A store that has not seen anything
// comparable is older than everything.
func seen(store, written string) bool {
	if written == "" {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(store, written)
	return err == nil && order >= 0
}

// newer expects at least b to be comparable.
func newer(a, b string) string {
	if a != "" && seen(a, b) {
		return a
	}
	return b
}
