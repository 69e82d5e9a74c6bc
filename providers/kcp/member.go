// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/kcp-dev/logicalcluster/v3"
	mcpcache "github.com/kcp-dev/multicluster-provider/pkg/cache"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// member is a workspace that binds kube-bind's API.
type member struct {
	*site
	shard *shard
	// ctx ends when the workspace leaves.
	ctx   context.Context
	leave context.CancelFunc
	// lodging says whose place the workspace is. Zero for a provider's workspace.
	lodging lodging
	// missing are the claims that a provider's workspace has not accepted.
	missing []string
}

// lodging is the Workspace that a consumer's place is.
type lodging struct {
	// Host is the logical cluster that has it.
	Host multicluster.ClusterName
	// Name and UID are those of the Workspace.
	Name string
	// UID is described at Name.
	UID types.UID
}

// lodgingOf reads from a workspace's LogicalCluster, which only kcp writes, whether it is a consumer's place: it is of the
// type, whose use only the backend is allowed.
func lodgingOf(lc *corev1alpha1.LogicalCluster, consumerType string) lodging {
	owner := lc.Spec.Owner
	if lc.Annotations[tenancyv1alpha1.LogicalClusterTypeAnnotationKey] != consumerType || owner == nil || owner.Resource != "workspaces" {
		return lodging{}
	}
	return lodging{Host: multicluster.ClusterName(owner.Cluster), Name: owner.Name, UID: owner.UID}
}

// host is the logical cluster whose templates and schemas count in this one.
func (m *member) host() multicluster.ClusterName {
	if m.lodging.Host != "" {
		return m.lodging.Host
	}
	return m.name
}

// site is a workspace as controllers see it. Its client reads from the shard's cache; its API reader reads from the server,
// which that of the library does not.
type site struct {
	cluster.Cluster
	name   multicluster.ClusterName
	cache  cache.Cache
	client client.Client
	live   client.Client
	log    logr.Logger
}

func (s *site) GetCache() cache.Cache       { return s.cache }
func (s *site) GetClient() client.Client    { return s.client }
func (s *site) GetAPIReader() client.Reader { return s.live }

// newSite returns a workspace as it is seen through a shard's virtual workspace.
func (p *Provider) newSite(s *shard, name multicluster.ClusterName) (*site, error) {
	recorder, err := p.recorders.GetProvider(s.config, logicalcluster.Name(name))
	if err != nil {
		return nil, fmt.Errorf("making the event recorder: %w", err)
	}
	scoped, err := mcpcache.NewScopedCluster(s.config, logicalcluster.Name(name), s.cache, p.local.GetScheme(), recorder)
	if err != nil {
		return nil, fmt.Errorf("making the cluster: %w", err)
	}
	out := &site{Cluster: scoped, name: name, log: p.opts.Logger.WithValues("cluster", name)}
	out.cache = &siteCache{Cache: scoped.GetCache(), cluster: logicalcluster.Name(name), boards: s.boards}
	opts := client.Options{Scheme: p.local.GetScheme(), HTTPClient: s.http, Mapper: s.mapper}
	for _, to := range []struct {
		client *client.Client
		reader *client.CacheOptions
	}{{&out.live, nil}, {&out.client, &client.CacheOptions{Reader: scoped.GetCache()}}} {
		opts.Cache = to.reader
		direct, err := client.New(scoped.GetConfig(), opts)
		if err != nil {
			return nil, fmt.Errorf("making the client: %w", err)
		}
		*to.client = explained{Client: direct, binding: func() *apisv1alpha2.APIBinding { return s.bound(name) }}
	}
	return out, nil
}

// newMember finds out what a workspace is.
func (p *Provider) newMember(ctx context.Context, s *shard, name multicluster.ClusterName) (*member, error) {
	at, err := p.newSite(s, name)
	if err != nil {
		return nil, err
	}
	lc := &corev1alpha1.LogicalCluster{}
	if err := at.live.Get(ctx, client.ObjectKey{Name: corev1alpha1.LogicalClusterName}, lc); err != nil {
		return nil, fmt.Errorf("reading its LogicalCluster: %w", err)
	}
	m := &member{site: at, shard: s, lodging: lodgingOf(lc, p.members.consumerType())}
	if m.lodging.Host == "" {
		if m.missing = missingClaims(s.bound(name)); len(m.missing) > 0 {
			p.opts.Logger.Info("a workspace has not accepted all claims", "cluster", name, "missing", m.missing)
		}
		if err := p.allowOurselves(ctx, at); err != nil {
			return nil, err
		}
	}
	m.ctx, m.leave = context.WithCancel(p.lifetime)
	return m, nil
}
