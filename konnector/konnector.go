// SPDX-License-Identifier: Apache-2.0

package konnector

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	controllerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/konnector/binding"
	"kube-bind.io/kube-bind/konnector/bundle"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/enclosure"
	"kube-bind.io/kube-bind/konnector/record"
	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/telemetry"
)

// userAgent is what API servers' logs call the konnector.
const userAgent = "konnector"

// Konnector is a konnector that can run.
type Konnector struct {
	options Options
	scheme  *runtime.Scheme
	manager ctrl.Manager
	metrics []prometheus.Collector
	ready   chan struct{}
}

// New assembles a konnector. It does not talk to any cluster yet. The options must be complete and valid.
func New(o Options) (*Konnector, error) {
	k := &Konnector{options: o, scheme: runtime.NewScheme(), ready: make(chan struct{})}
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, apiextensionsv1.AddToScheme, authorizationv1.AddToScheme, kubebindv1alpha2.AddToScheme,
	} {
		if err := add(k.scheme); err != nil {
			return nil, fmt.Errorf("assembling the scheme: %w", err)
		}
	}
	config := rest.AddUserAgent(rest.CopyConfig(o.Config), userAgent+"/"+o.Version)
	// The API server's priority and fairness is the limiter.
	config.QPS = -1
	k.options.Config = config
	return k, nil
}

// Run installs the CRDs, competes for the lease and, with it, serves bindings until ctx ends. Losing the lease ends it
// with an error, once all that it started has stopped: two konnectors must not write at a time (W1).
func (k *Konnector) Run(ctx context.Context) error {
	c, err := client.New(k.options.Config, client.Options{Scheme: k.scheme})
	if err != nil {
		return fmt.Errorf("preparing the client of this cluster: %w", err)
	}
	cluster, err := k.prepare(ctx, c)
	if err != nil {
		return err
	}
	if err := k.assemble(cluster, c.RESTMapper()); err != nil {
		return err
	}
	forget, err := telemetry.Register(metrics.Registry, k.metrics...)
	defer forget()
	if err != nil {
		k.manager.GetLogger().V(1).Info("metrics are another konnector's in this process", "error", err.Error())
	}
	close(k.ready)
	if err := k.manager.Start(ctx); err != nil {
		return fmt.Errorf("running: %w", err)
	}
	return nil
}

// prepare installs the CRDs and finds out which cluster this is.
func (k *Konnector) prepare(ctx context.Context, c client.Client) (types.UID, error) {
	if k.options.InstallCRDs {
		own, err := crds.Consumer()
		if err != nil {
			return "", err
		}
		if err := crds.Install(ctx, c, own); err != nil {
			return "", err
		}
	}
	identity := &corev1.Namespace{}
	if err := c.Get(ctx, client.ObjectKey{Name: k.options.IdentityNamespace}, identity); err != nil {
		return "", fmt.Errorf("reading namespace %s, whose UID stands for this cluster: %w", k.options.IdentityNamespace, err)
	}
	return identity.UID, nil
}

// assemble wires everything. No IO. The mapper is the one that knows the CRDs installed.
func (k *Konnector) assemble(cluster types.UID, mapper meta.RESTMapper) error {
	mgr, err := ctrl.NewManager(k.options.Config, k.managerOptions(mapper))
	if err != nil {
		return fmt.Errorf("assembling the manager: %w", err)
	}
	k.manager = mgr
	syncMetrics, recordMetrics := sync.NewMetrics(), record.NewMetrics()
	secrets, err := kubernetes.NewForConfig(k.options.Config)
	if err != nil {
		return fmt.Errorf("preparing the client of Secrets: %w", err)
	}
	consumer, err := dynamic.NewForConfig(k.options.Config)
	if err != nil {
		return fmt.Errorf("preparing the client of objects: %w", err)
	}
	bindings, bundles := &connection.Signal{}, &connection.Signal{}
	recorder := mgr.GetEventRecorder("konnector")
	pool := connection.NewPool(connection.Options{
		Cluster: cluster, Version: k.options.Version, Scheme: k.scheme,
		Secrets: secrets, Consumer: consumer, ConsumerCache: mgr.GetCache(),
		Recorder: recorder, Metrics: syncMetrics, Workers: k.options.Workers,
		Changed: bindings.Changed, BundleChanged: bundles.Changed, Log: mgr.GetLogger().WithName("connection"),
	})
	k.metrics = collectors(syncMetrics, recordMetrics, pool)
	if err := mgr.Add(pool); err != nil {
		return fmt.Errorf("adding connections: %w", err)
	}
	if err := binding.Register(mgr, pool, bindings, recorder, recordMetrics); err != nil {
		return fmt.Errorf("adding the controller of bindings: %w", err)
	}
	if err := bundle.Register(mgr, pool, bundles, recorder, recordMetrics); err != nil {
		return fmt.Errorf("adding the controller of bundles: %w", err)
	}
	if err := enclosure.Register(mgr, recorder); err != nil {
		return fmt.Errorf("adding the controller of enclosed bindings: %w", err)
	}
	return nil
}

func collectors(s *sync.Metrics, r *record.Metrics, pool *connection.Pool) []prometheus.Collector {
	return slices.Concat(s.Collectors(), r.Collectors(), pool.Collectors())
}

// Collectors are the metrics that a konnector has, beside those of controller-runtime, Go and the process. It is for who
// describes them: these count nothing.
func Collectors() []prometheus.Collector {
	return collectors(sync.NewMetrics(), record.NewMetrics(), connection.NewPool(connection.Options{}))
}

// cacheOptions keep Secrets out of the cache, but for those that may enclose bindings.
func cacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {Namespaces: map[string]cache.Config{
			kubebindv1alpha2.ConsumerNamespace: {LabelSelector: labels.SelectorFromSet(labels.Set{kubebindv1alpha2.ProviderKubeconfigLabel: "true"})},
		}}},
	}
}

func (k *Konnector) managerOptions(mapper meta.RESTMapper) ctrl.Options {
	return ctrl.Options{
		Scheme:         k.scheme,
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
		Cache:          cacheOptions(),
		Client:         client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &apiextensionsv1.CustomResourceDefinition{}}}},
		Metrics: server.Options{
			BindAddress: k.options.ServerAddress,
			ExtraHandlers: map[string]http.Handler{
				// The handlers take what is behind the path for the name of a single check.
				"/healthz": http.StripPrefix("/healthz", &healthz.Handler{}),
				"/readyz":  http.StripPrefix("/readyz", &healthz.Handler{Checks: map[string]healthz.Checker{"caches": k.cachesSynced}}),
			},
		},
		LeaderElection:                true,
		LeaderElectionID:              k.options.LeaseName,
		LeaderElectionNamespace:       k.options.LeaseNamespace,
		LeaderElectionReleaseOnCancel: true,
		Controller: controllerconfig.Controller{
			// Two konnectors in one process have controllers of the same name.
			SkipNameValidation: ptr.To(true),
			// That of controller-runtime 0.24.1 can hang at the end; see backend/loop.
			UsePriorityQueue: ptr.To(false),
		},
	}
}

// cachesSynced is ready once this cluster's objects are known. A replica without the lease is ready too: it waits.
func (k *Konnector) cachesSynced(req *http.Request) error {
	select {
	case <-k.ready:
	default:
		return fmt.Errorf("still starting")
	}
	if !k.manager.GetCache().WaitForCacheSync(req.Context()) {
		return fmt.Errorf("the objects of this cluster are not known yet")
	}
	return nil
}
