// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"slices"
	"sync"
	"testing"

	kcpcache "github.com/kcp-dev/apimachinery/v2/pkg/cache"
	"github.com/kcp-dev/logicalcluster/v3"
	mcpcache "github.com/kcp-dev/multicluster-provider/pkg/cache"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
)

// fed is an informer that has what a test puts into it, and no events.
type fed struct {
	toolscache.SharedIndexInformer
	indexer toolscache.Indexer
}

func (f fed) GetIndexer() toolscache.Indexer { return f.indexer }

func object(cluster, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{logicalcluster.AnnotationKey: cluster}}}
}

// heard is a handler that remembers.
type heard struct {
	mu     sync.Mutex
	events []string
}

func (h *heard) add(event string, obj any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event+" "+obj.(*corev1.ConfigMap).Name)
}

func (h *heard) OnAdd(obj any, _ bool) { h.add("add", obj) }
func (h *heard) OnUpdate(_, obj any)   { h.add("update", obj) }
func (h *heard) OnDelete(obj any) {
	if deleted, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = deleted.Obj
	}
	h.add("delete", obj)
}

// A workspace hears of its own objects only: those that are there, and what becomes of them until it hangs up.
func TestSwitchboard(t *testing.T) {
	indexer := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{kcpcache.ClusterIndexName: mcpcache.ClusterIndexFunc})
	for _, obj := range []*corev1.ConfigMap{object("one", "a"), object("two", "b")} {
		if err := indexer.Add(obj); err != nil {
			t.Fatal(err)
		}
	}
	board := &switchboard{informer: fed{indexer: indexer}, lines: map[logicalcluster.Name]map[*line]bool{}}
	one, again, two := &heard{}, &heard{}, &heard{}
	first := &siteInformer{switchboard: board, cluster: "one"}
	registration, err := first.AddEventHandler(one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.AddEventHandler(again); err != nil {
		t.Fatal(err)
	}
	if _, err := (&siteInformer{switchboard: board, cluster: "two"}).AddEventHandler(two); err != nil {
		t.Fatal(err)
	}
	board.OnAdd(object("one", "c"), false)
	board.OnUpdate(object("one", "c"), object("one", "c"))
	board.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: object("two", "b")})
	board.OnAdd(object("three", "d"), false)
	if err := first.RemoveEventHandler(registration); err != nil {
		t.Fatal(err)
	}
	board.OnDelete(object("one", "a"))
	for name, tc := range map[string]struct {
		got  *heard
		want []string
	}{
		"hung up":     {one, []string{"add a", "add c", "update c"}},
		"still there": {again, []string{"add a", "add c", "update c", "delete a"}},
		"another's":   {two, []string{"add b", "delete b"}},
	} {
		if !slices.Equal(tc.got.events, tc.want) {
			t.Errorf("%s: heard %q, want %q", name, tc.got.events, tc.want)
		}
	}
}
