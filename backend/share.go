// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"

	"kube-bind.io/kube-bind/backend/sharing"
	"kube-bind.io/kube-bind/providers"
)

// share is this replica's part in sharing workspaces. Nil where one replica leads.
type share struct {
	coordinator *sharing.Coordinator
	metrics     *sharing.Metrics
}

func newShare(local ctrl.Manager, provider providers.Provider, opts Options) (*share, error) {
	if !opts.KCP.Share {
		return nil, nil
	}
	id, err := sharing.NewID()
	if err != nil {
		return nil, err
	}
	c, err := client.New(opts.Config, client.Options{Scheme: local.GetScheme(), Mapper: local.GetRESTMapper(), HTTPClient: local.GetHTTPClient()})
	if err != nil {
		return nil, fmt.Errorf("making a client for Leases: %w", err)
	}
	metrics := sharing.NewMetrics()
	return &share{metrics: metrics, coordinator: sharing.New(sharing.Options{
		Client: c, Namespace: opts.LeaseNamespace, Name: opts.LeaseName, ID: id, Group: provider.Host,
		Metrics: metrics, Logger: opts.Logger.WithName("sharing").WithValues("replica", id),
	})}, nil
}

func (s *share) options() []mcmanager.Option {
	if s == nil {
		return nil
	}
	return []mcmanager.Option{mcmanager.WithCoordinator(s.coordinator)}
}

func (s *share) fence() func(mcreconcile.Reconciler) mcreconcile.Reconciler {
	if s == nil {
		return nil
	}
	return s.coordinator.Fence
}

func (s *share) collectors() []prometheus.Collector {
	if s == nil {
		return nil
	}
	return s.metrics.Collectors()
}
