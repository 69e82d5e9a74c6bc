// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"strconv"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

var key = types.NamespacedName{Namespace: "ns", Name: "a"}

func TestFresh(t *testing.T) {
	tests := map[string]struct {
		remember func(*Guard)
		view     View
		fresh    bool
		left     int
	}{
		"nothing written": {
			remember: func(*Guard) {}, fresh: true,
		},
		"consumer store is older than our write": {
			remember: func(g *Guard) { g.Wrote(key, Consumer, "10") },
			view:     View{ConsumerRV: "9", ProviderRV: "99"}, left: 1,
		},
		"consumer store shows exactly our write": {
			remember: func(g *Guard) { g.Wrote(key, Consumer, "10") },
			view:     View{ConsumerRV: "10", ProviderRV: "1"}, fresh: true,
		},
		"versions are numbers, not texts": {
			remember: func(g *Guard) { g.Wrote(key, Consumer, "9") },
			view:     View{ConsumerRV: "10", ProviderRV: "1"}, fresh: true,
		},
		"provider store is older than our write": {
			remember: func(g *Guard) { g.Wrote(key, Provider, "10") },
			view:     View{ConsumerRV: "99", ProviderRV: "9"}, left: 1,
		},
		"one side of two has been seen": {
			remember: func(g *Guard) { g.Wrote(key, Consumer, "10"); g.Wrote(key, Provider, "10") },
			view:     View{ConsumerRV: "10", ProviderRV: "9"}, left: 1,
		},
		"the last of two writes counts": {
			remember: func(g *Guard) { g.Wrote(key, Provider, "10"); g.Wrote(key, Provider, "12") },
			view:     View{ConsumerRV: "1", ProviderRV: "11"}, left: 1,
		},
		"a write that changed nothing does not hide the one before": {
			remember: func(g *Guard) { g.Wrote(key, Provider, "12"); g.Wrote(key, Provider, "10") },
			view:     View{ConsumerRV: "1", ProviderRV: "11"}, left: 1,
		},
		"a store that has seen nothing is older than any write": {
			remember: func(g *Guard) { g.Wrote(key, Provider, "10") },
			view:     View{ConsumerRV: "10"}, left: 1,
		},
		"a version that cannot be compared is not waited for": {
			remember: func(g *Guard) { g.Wrote(key, Consumer, ""); g.Wrote(key, Provider, "v10") }, fresh: true,
		},
		"deleted copy is still there": {
			remember: func(g *Guard) { g.Deleted(key, "u1") },
			view:     View{ProviderUID: "u1"}, left: 1,
		},
		"deleted copy is terminating": {
			remember: func(g *Guard) { g.Deleted(key, "u1") },
			view:     View{ProviderUID: "u1", ProviderTerminating: true}, fresh: true,
		},
		"deleted copy is gone": {
			remember: func(g *Guard) { g.Deleted(key, "u1") }, fresh: true,
		},
		"another object is where the deleted copy was": {
			remember: func(g *Guard) { g.Deleted(key, "u1") },
			view:     View{ProviderUID: "u2"}, fresh: true,
		},
		"released object is still there": {
			remember: func(g *Guard) { g.Released(key, "u1") },
			view:     View{ConsumerUID: "u1"}, left: 1,
		},
		"released object is gone": {
			remember: func(g *Guard) { g.Released(key, "u1") }, fresh: true,
		},
		"released object has a successor": {
			remember: func(g *Guard) { g.Released(key, "u1") },
			view:     View{ConsumerUID: "u2"}, fresh: true,
		},
		"without a target, writes to the provider do not count but stay": {
			remember: func(g *Guard) { g.Wrote(key, Provider, "10"); g.Deleted(key, "u1") },
			view:     View{ConsumerUID: "c1", NoTarget: true}, fresh: true, left: 1,
		},
		"without a target, writes to the consumer count": {
			remember: func(g *Guard) { g.Wrote(key, Consumer, "10") },
			view:     View{ConsumerRV: "9", ConsumerUID: "c1", NoTarget: true}, left: 1,
		},
		"without a target and without an object, nothing stays": {
			remember: func(g *Guard) { g.Wrote(key, Provider, "10"); g.Deleted(key, "u1") },
			view:     View{ConsumerRV: "9", NoTarget: true}, fresh: true,
		},
		"another key's writes do not count": {
			remember: func(g *Guard) { g.Wrote(types.NamespacedName{Namespace: "ns", Name: "b"}, Consumer, "10") },
			view:     View{ConsumerRV: "1"}, fresh: true, left: 1,
		},
		"forgotten": {
			remember: func(g *Guard) {
				g.Wrote(key, Consumer, "10")
				g.Wrote(key, Provider, "10")
				g.Deleted(key, "u1")
				g.Released(key, "u1")
				g.Forget(key)
			},
			view: View{ConsumerUID: "u1", ProviderUID: "u1"}, fresh: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := New()
			tt.remember(g)
			if got := g.Fresh(key, tt.view); got != tt.fresh {
				t.Errorf("Fresh(%+v) = %v, want %v", tt.view, got, tt.fresh)
			}
			if got := g.Len(); got != tt.left {
				t.Errorf("Len() = %d, want %d", got, tt.left)
			}
		})
	}
}

func TestWhatWasSeenOnceIsForgotten(t *testing.T) {
	g := New()
	g.Wrote(key, Consumer, "10")
	g.Wrote(key, Provider, "20")
	if g.Fresh(key, View{ConsumerRV: "10", ProviderRV: "19"}) {
		t.Fatal("fresh before the provider's store has seen the write")
	}
	// A cache that starts anew is behind for a moment, but not behind our write: that has been seen.
	if !g.Fresh(key, View{ConsumerRV: "", ProviderRV: "20"}) {
		t.Error("not fresh although both writes have been seen")
	}
	if g.Len() != 0 {
		t.Errorf("%d keys left", g.Len())
	}
}

// TestConcurrentUse is for the race detector; what it can check by itself is that nothing is left over.
func TestConcurrentUse(t *testing.T) {
	g := New()
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			key := types.NamespacedName{Namespace: "ns", Name: strconv.Itoa(w)}
			for rv := 1; rv <= 200; rv++ {
				version := strconv.Itoa(rv)
				g.Wrote(key, Consumer, version)
				g.Wrote(key, Provider, version)
				g.Deleted(key, "u")
				if !g.Fresh(key, View{ConsumerRV: version, ProviderRV: version}) {
					t.Error("not fresh although all has been seen")
				}
				g.Len()
			}
		})
	}
	workers.Wait()
	if g.Len() != 0 {
		t.Errorf("%d keys left", g.Len())
	}
}
