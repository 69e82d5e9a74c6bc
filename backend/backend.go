// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/controllers/bindrequest"
	"kube-bind.io/kube-bind/backend/controllers/clusterbinding"
	"kube-bind.io/kube-bind/backend/controllers/export"
	"kube-bind.io/kube-bind/backend/controllers/exportrequest"
	"kube-bind.io/kube-bind/backend/controllers/namespace"
	"kube-bind.io/kube-bind/backend/controllers/template"
	backendhttp "kube-bind.io/kube-bind/backend/http"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/backend/sharing"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/providers/kube"
	"kube-bind.io/kube-bind/telemetry"
)

// Backend serves one provider.
type Backend struct {
	opts    Options
	manager mcmanager.Manager
	metrics []prometheus.Collector
}

// New completes and validates the options and puts a backend together. It fails on bad options; it does not talk to the
// cluster yet.
func New(opts Options) (*Backend, error) {
	if err := errors.Join(opts.Complete(), opts.Validate()); err != nil {
		return nil, fmt.Errorf("bad options: %w", err)
	}
	local, err := newManager(opts)
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	provider, err := newProvider(local, opts)
	if err != nil {
		return nil, fmt.Errorf("making the provider: %w", err)
	}
	share, err := newShare(local, provider, opts)
	if err != nil {
		return nil, fmt.Errorf("sharing workspaces with other replicas: %w", err)
	}
	mgr, err := mcmanager.WithMultiCluster(local, provider, share.options()...)
	if err != nil {
		return nil, fmt.Errorf("making the multi-cluster manager: %w", err)
	}
	fleet := loop.Fleet{Manager: mgr, Provider: provider, Metrics: loop.NewMetrics(), Fence: share.fence()}
	b := &Backend{opts: opts, manager: mgr, metrics: append(fleet.Metrics.Collectors(), share.collectors()...)}
	if p, ok := provider.(*kcp.Provider); ok {
		b.metrics = append(b.metrics, p.Collectors()...)
	}
	if err := errors.Join(mgr.Add(fleet.Metrics), register(fleet, opts), registerOffers(fleet, opts)); err != nil {
		return nil, err
	}
	if !opts.FrontendDisabled {
		door, err := addFrontDoor(fleet, opts)
		if err != nil {
			return nil, err
		}
		b.metrics = append(b.metrics, door.Collectors()...)
	}
	return b, nil
}

// Run works until ctx ends, and returns nil then. It fails when the CRDs cannot be installed, when the manager or one of
// its controllers fails, and when the lease is lost: another replica works then, and the process must end.
func (b *Backend) Run(ctx context.Context) error {
	forget, err := telemetry.Register(metrics.Registry, b.metrics...)
	defer forget()
	if err != nil {
		b.opts.Logger.V(1).Info("metrics are another backend's in this process", "error", err.Error())
	}
	if b.opts.tracing != nil {
		stop, err := b.opts.tracing.Start(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}
	if b.opts.InstallCRDs {
		if err := b.installCRDs(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	if b.opts.Provider == ProviderKubernetes {
		if err := warm(ctx, b.manager.GetLocalManager().GetCache()); err != nil {
			return err
		}
	}
	if err := b.start(ctx); err != nil {
		return fmt.Errorf("running the controllers: %w", err)
	}
	return nil
}

// Collectors are the metrics that a backend can have, beside those of controller-runtime, Go and the process. It is for who
// describes them: these count nothing.
func Collectors() []prometheus.Collector {
	return slices.Concat(loop.NewMetrics().Collectors(), backendhttp.Collectors(), kcp.Collectors(), sharing.NewMetrics().Collectors())
}

func (b *Backend) installCRDs(ctx context.Context) error {
	wanted, err := crds.Provider()
	if err != nil {
		return fmt.Errorf("reading kube-bind's CRDs: %w", err)
	}
	local := b.manager.GetLocalManager()
	// With the manager's own mapper, so that what Install waited for is known to the caches.
	c, err := client.New(b.opts.Config, client.Options{Scheme: local.GetScheme(), Mapper: local.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("making a client for the CRDs: %w", err)
	}
	return crds.Install(ctx, c, wanted)
}

// NewScheme returns a scheme of all kinds that the backend works with.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(
		clientgoscheme.AddToScheme(scheme),
		apiextensionsv1.AddToScheme(scheme),
		kubebindv1alpha2.AddToScheme(scheme),
		kcp.AddToScheme(scheme),
	)
}

func newManager(opts Options) (ctrl.Manager, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(opts.Config, ctrl.Options{
		Scheme:                  scheme,
		Logger:                  opts.Logger,
		Cache:                   cacheOptions(),
		Metrics:                 server.Options{BindAddress: opts.MetricsAddress},
		HealthProbeBindAddress:  opts.HealthAddress,
		LeaderElection:          opts.LeaderElect && !opts.KCP.Share,
		LeaderElectionID:        opts.LeaseName,
		LeaderElectionNamespace: opts.LeaseNamespace,
		// Run returns when the manager has stopped, and nothing works on after that.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, err
	}
	caches := func(r *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(r.Context()) {
			return errors.New("the objects of the control plane are not known yet")
		}
		return nil
	}
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("caches", caches))
}

// newProvider makes the provider that the options name. A plain cluster is the manager's own: its cache is used, and no
// second one made.
func newProvider(local ctrl.Manager, opts Options) (providers.Provider, error) {
	lifetime := opts.ConsumerTokenLifetime
	if opts.StaticConsumerTokens {
		lifetime = 0
	}
	places := kube.Options{
		TokenLifetime:   lifetime,
		NamespacePrefix: opts.NamespacePrefix,
		PrettyName:      opts.PrettyName,
		External: credential.External{
			Address: opts.ExternalAddress, CA: opts.externalCA, ServerName: opts.ExternalServerName,
		},
	}
	if opts.Provider == ProviderKCP {
		return newKCPProvider(local, places, opts)
	}
	return kube.New(local, places)
}

func register(fleet loop.Fleet, opts Options) error {
	terms := catalog.Terms{InformerScope: opts.ConsumerScope, Isolation: opts.Isolation}
	return errors.Join(
		template.Register(fleet, terms),
		bindrequest.Register(fleet, opts.FrontDoor.IssuerURL),
		exportrequest.Register(fleet, terms),
		export.Register(fleet, opts.SchemaSyncInterval),
		namespace.Register(fleet, opts.Isolation, opts.NamespacePrefix),
		clusterbinding.Register(fleet, clusterbinding.Silence{Timeout: opts.ConsumerTimeout, RemoveAfter: opts.RemoveSilentConsumersAfter}),
	)
}
