// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
	"sigs.k8s.io/multicluster-runtime/providers/clusters"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
)

// tenancies is a provider of several clusters: each is like a plain one.
type tenancies map[multicluster.ClusterName]*kube.Provider

func (ts tenancies) Get(ctx context.Context, name multicluster.ClusterName) (cluster.Cluster, error) {
	p, found := ts[name]
	if !found {
		return nil, multicluster.ErrClusterNotFound
	}
	return p.Get(ctx, kube.Cluster)
}

func (ts tenancies) IndexField(context.Context, client.Object, string, client.IndexerFunc) error {
	return nil
}

func (ts tenancies) Host(_ context.Context, name multicluster.ClusterName) (multicluster.ClusterName, error) {
	return name, nil
}

func (ts tenancies) Guests(name multicluster.ClusterName) []multicluster.ClusterName {
	return []multicluster.ClusterName{name}
}

func (ts tenancies) Schemas(ctx context.Context, name multicluster.ClusterName, resources []schema.GroupResource) (providers.Schemas, error) {
	return ts[name].Schemas(ctx, kube.Cluster, resources)
}

func (ts tenancies) SchemaKinds() []client.Object { return ts["one"].SchemaKinds() }

func (ts tenancies) SchemasOf(obj client.Object) []schema.GroupResource {
	return ts["one"].SchemasOf(obj)
}

func (ts tenancies) Serve(context.Context, multicluster.ClusterName, []schema.GroupResource) error {
	return nil
}

func (ts tenancies) Place(ctx context.Context, name multicluster.ClusterName, c providers.Consumer) (*providers.Place, error) {
	p, err := ts[name].Place(ctx, kube.Cluster, c)
	if err == nil {
		p.Cluster = name
	}
	return p, err
}

func (ts tenancies) Repair(ctx context.Context, place providers.Place) (*providers.Place, error) {
	return ts[place.Cluster].Repair(ctx, providers.Place{Namespace: place.Namespace})
}

func (ts tenancies) Remove(ctx context.Context, place providers.Place) error {
	return ts[place.Cluster].Remove(ctx, providers.Place{Namespace: place.Namespace})
}

// startSeveral runs the controllers for several clusters, until the test ends.
func startSeveral(t *testing.T, planes map[multicluster.ClusterName]*controlplane.ControlPlane) *clusters.Provider {
	t.Helper()
	scheme, err := backend.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	provider, ts := clusters.New(), tenancies{}
	for name, plane := range planes {
		cl, err := cluster.New(plane.Config(), func(o *cluster.Options) {
			o.Scheme, o.Cache, o.Logger = scheme, backend.CacheOptionsForTest(), logger()
		})
		if err != nil {
			t.Fatal(err)
		}
		if ts[name], err = kube.New(cl, kube.Options{NamespacePrefix: "kube-bind-", PrettyName: string(name)}); err != nil {
			t.Fatal(err)
		}
		if err := provider.Add(t.Context(), name, cl); err != nil {
			t.Fatal(err)
		}
	}
	mgr, err := mcmanager.New(planes["one"].Config(), provider, ctrl.Options{
		Scheme: scheme, Logger: logger(), Metrics: server.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	opts := backend.NewOptions()
	opts.NamespacePrefix = "kube-bind-"
	if err := backend.RegisterForTest(mgr, ts, opts); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the manager failed: %v", err)
			}
		case <-time.After(timeout):
			t.Error("the manager does not stop")
		}
	})
	return provider
}

// Nothing assumes that there is one cluster: the same names in two of them are two things.
func TestSeveralClusters(t *testing.T) {
	second, err := controlplane.Start(t.Context(), controlplane.Options{Name: "second"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Stop() })
	if err := install(t.Context(), second.Config()); err != nil {
		t.Fatal(err)
	}
	planes := map[multicluster.ClusterName]*controlplane.ControlPlane{"one": provider, "two": second}
	engaged := startSeveral(t, planes)
	requests := map[multicluster.ClusterName]*kubebindv1alpha2.BindableResourcesRequest{}
	var a api
	for name, plane := range planes {
		in(plane, func() {
			a = newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
			template := newTemplate(t, "", nil, a)
			requests[name] = create(t, admin(t), newRequest(newNamespace(t, "-requests"), "mangos", t.Name(), template.Name))
		})
	}
	consumers := map[multicluster.ClusterName]consumer{}
	for name, plane := range planes {
		in(plane, func() {
			consumers[name] = answerOf(t, finished(t, requests[name], kubebindv1alpha2.PhaseSucceeded, kubebindv1alpha2.ReasonSecretReady))
			c := consumers[name]
			binding := get(t, c.Client, c.namespace, "cluster", &kubebindv1alpha2.ClusterBinding{})
			if binding.Spec.ProviderPrettyName != string(name) {
				t.Errorf("the place in %s is one of %s", name, binding.Spec.ProviderPrettyName)
			}
			create(t, c.Client, a.object(c.serviceNamespace(t, "garden"), "x"))
		})
	}
	if consumers["one"].namespace != consumers["two"].namespace || bytes.Equal(consumers["one"].kubeconfig, consumers["two"].kubeconfig) {
		t.Error("equal identities have unequal places, or an equal credential")
	}

	// A cluster that is gone takes nothing along, and what comes from it is dropped.
	engaged.Remove("two")
	in(second, func() {
		create(t, admin(t), newRequest(requests["two"].Namespace, "late", t.Name()+"late", ""))
	})
	in(provider, func() {
		bind(t, requests["one"].Namespace, "late", t.Name()+"late", "")
		if err := consumers["one"].Get(t.Context(), client.ObjectKey{Name: consumers["one"].namespace}, &corev1.Namespace{}); err != nil {
			t.Error(err)
		}
	})
	in(second, func() {
		if late := get(t, admin(t), requests["two"].Namespace, "late", &kubebindv1alpha2.BindableResourcesRequest{}); late.Status.Namespace != "" {
			t.Errorf("it was served: %+v", late.Status)
		}
	})
}
