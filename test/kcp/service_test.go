// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"path"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/kcp-dev/multicluster-provider/apiexport"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	mcbuilder "sigs.k8s.io/multicluster-runtime/pkg/builder"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"

	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/wild"
)

// cowboyKind is that of the example API.
func cowboyKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "wildwest.dev", Version: "v1alpha1", Kind: "Cowboy"}
}

func emptyCowboy() *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(cowboyKind())
	return out
}

// serve runs a service as a provider would write it for kcp: it sees the objects of all who have bound its APIExport through the
// export's virtual workspace, and says in each one's status what it did, and where. It runs until the test ends.
func serve(t *testing.T, b *backend, host *wild.Provider) {
	t.Helper()
	cfg := b.Config(string(host.Cluster))
	at, err := apiexport.New(cfg, "cowboys.wildwest.dev", apiexport.Options{Scheme: b.Scheme, Log: ptr.To(logr.Discard())})
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := mcmanager.New(cfg, at, ctrl.Options{Scheme: b.Scheme, Metrics: server.Options{BindAddress: "0"}, Logger: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	err = mcbuilder.ControllerManagedBy(mgr).Named("cowboys-" + string(host.Cluster)).For(emptyCowboy()).Complete(
		mcreconcile.Func(func(ctx context.Context, r mcreconcile.Request) (ctrl.Result, error) {
			return ctrl.Result{}, ride(ctx, mgr, r)
		}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the provider's controller failed: %v", err)
		}
	})
}

// ride does what a cowboy is there for.
func ride(ctx context.Context, mgr mcmanager.Manager, r mcreconcile.Request) error {
	cl, err := mgr.GetCluster(ctx, r.ClusterName)
	if err != nil {
		return err
	}
	cowboy := emptyCowboy()
	if err := cl.GetClient().Get(ctx, r.NamespacedName, cowboy); err != nil {
		return client.IgnoreNotFound(err)
	}
	intent, _, _ := unstructured.NestedString(cowboy.Object, "spec", "intent")
	have, _, _ := unstructured.NestedString(cowboy.Object, "status", "result")
	want := result(string(r.ClusterName), intent)
	if have == want {
		return nil
	}
	expect.Set(want, "status", "result")(cowboy)
	return cl.GetClient().Status().Update(ctx, cowboy)
}

// result is what the service says of an intent in a logical cluster.
func result(cluster, intent string) string {
	return fmt.Sprintf("did %s in %s", intent, path.Base(cluster))
}

// A provider's own controller serves the objects of many consumers through its APIExport's virtual workspace, as it does those of
// anybody on kcp: each consumer sees its own objects and their status, and nothing of others.
func TestProviderServesConsumersThroughItsExport(t *testing.T) {
	const many = 20
	b := world.workspaces
	host := b.provider(t, "service")
	serve(t, b, host)
	consumers := make([]*consumer, many)
	var mu sync.Mutex
	t.Run("consumers", func(t *testing.T) {
		for i := range consumers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				c := b.bind(t, host, "cowboys", fmt.Sprintf("served-%d", i))
				c.team(t)
				o := c.cowboy("billy")
				expect.Set(fmt.Sprintf("ride %d", i), "spec", "intent")(o)
				c.create(t, o)
				mu.Lock()
				defer mu.Unlock()
				consumers[i] = c
			})
		}
	})
	seen := map[string]bool{}
	for i, c := range consumers {
		if c == nil {
			t.Fatalf("consumer %d could not bind", i)
		}
		if seen[c.cluster] {
			t.Errorf("consumer %d has the workspace of another one", i)
		}
		seen[c.cluster] = true
		want := result(c.cluster, fmt.Sprintf("ride %d", i))
		expect.Eventually(t, "the consumer to see its own object with its status, and no other", func(ctx context.Context) error {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(cowboyKind())
			if err := c.List(ctx, list); err != nil {
				return err
			}
			if len(list.Items) != 1 {
				return fmt.Errorf("consumer %d sees %d objects", i, len(list.Items))
			}
			if got, _, _ := unstructured.NestedString(list.Items[0].Object, "status", "result"); got != want {
				return fmt.Errorf("the status of consumer %d is %q, want %q", i, got, want)
			}
			return nil
		})
	}
	// What it changes is served again.
	first := consumers[0]
	expect.Eventually(t, "changing an object", func(ctx context.Context) error {
		o := first.cowboy("billy")
		if err := first.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		expect.Set("rest", "spec", "intent")(o)
		return first.Update(ctx, o)
	})
	expect.Eventually(t, "the new status", func(ctx context.Context) error {
		o := first.cowboy("billy")
		if err := first.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		if got, _, _ := unstructured.NestedString(o.Object, "status", "result"); got != result(first.cluster, "rest") {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}
