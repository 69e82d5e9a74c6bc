// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"time"

	mcrecorder "github.com/kcp-dev/multicluster-provider/pkg/events/recorder"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
)

// workers is how many workspaces are looked at together.
const workers = 4

// Provider is a kcp.
type Provider struct {
	opts     Options
	local    cluster.Cluster
	config   *rest.Config
	endpoint credential.Endpoint

	members   *members
	queue     workqueue.TypedRateLimitingInterface[task]
	recorders *mcrecorder.Manager
	metrics   *metrics
	schemas   *schemaCache
	// lifetime ends with the process: Watch gives it what lives longer than a pass.
	lifetime context.Context
	end      context.CancelFunc
}

var (
	_ providers.Provider            = &Provider{}
	_ multicluster.ProviderRunnable = &Provider{}
)

// task is one thing to look at.
type task struct {
	// shards compares the shards with the endpoint slice.
	shards bool
	// cluster is a workspace that has come or gone.
	cluster multicluster.ClusterName
}

// New returns a provider for the kcp whose workspace with the APIExport is local, which somebody else starts. Its scheme has
// kcp's kinds: see AddToScheme. Watch has to run, on every replica.
func New(local cluster.Cluster, opts Options) (*Provider, error) {
	if opts.EndpointSlice == "" {
		opts.EndpointSlice = ExportName
	}
	if opts.Places.Now == nil {
		opts.Places.Now = time.Now
	}
	endpoint, err := credential.NewEndpoint(local.GetConfig(), opts.Places.External)
	if err != nil {
		return nil, fmt.Errorf("finding out how consumers reach kcp: %w", err)
	}
	p := &Provider{
		opts: opts, local: local, config: local.GetConfig(), endpoint: endpoint,
		members: newMembers(), schemas: newSchemaCache(),
		recorders: mcrecorder.NewManager(local.GetScheme(), opts.Logger.V(recorderQuiet)),
		queue:     workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[task](firstRetry, lastRetry)),
	}
	p.metrics = newMetrics(p.members)
	return p, nil
}

// Get implements multicluster.Provider.
func (p *Provider) Get(_ context.Context, name multicluster.ClusterName) (cluster.Cluster, error) {
	m := p.members.get(name)
	if m == nil {
		return nil, multicluster.ErrClusterNotFound
	}
	return m.site, nil
}

// IndexField implements multicluster.Provider. Nothing in kube-bind uses indexes.
func (p *Provider) IndexField(context.Context, client.Object, string, client.IndexerFunc) error {
	return fmt.Errorf("kcp workspaces have no field indexes")
}

// Host implements providers.Topology.
func (p *Provider) Host(_ context.Context, name multicluster.ClusterName) (multicluster.ClusterName, error) {
	m := p.members.get(name)
	if m == nil {
		return "", multicluster.ErrClusterNotFound
	}
	return m.host(), nil
}

// Guests implements providers.Topology.
func (p *Provider) Guests(name multicluster.ClusterName) []multicluster.ClusterName {
	return p.members.guests(name)
}
