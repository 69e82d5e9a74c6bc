// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"sync"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
)

// schemaCache has schemas that were read before: an APIResourceSchema cannot be changed.
type schemaCache struct {
	mu   sync.Mutex
	crds map[schemaKey]*apiextensionsv1.CustomResourceDefinition
}

// schemaKey is an APIResourceSchema: one of that name that is made anew may be another one, but then what was bound of the old
// one keeps its content.
type schemaKey struct {
	cluster multicluster.ClusterName
	name    string
}

// maxSchemas bounds the cache; what is over is read again.
const maxSchemas = 2000

func newSchemaCache() *schemaCache {
	return &schemaCache{crds: map[schemaKey]*apiextensionsv1.CustomResourceDefinition{}}
}

func (c *schemaCache) get(key schemaKey) *apiextensionsv1.CustomResourceDefinition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crds[key]
}

func (c *schemaCache) put(key schemaKey, crd *apiextensionsv1.CustomResourceDefinition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.crds) >= maxSchemas {
		clear(c.crds)
	}
	c.crds[key] = crd
}

// schemaOf returns the schema of an offer as a CRD, which must not be changed.
func (p *Provider) schemaOf(ctx context.Context, host *member, o offer) (*apiextensionsv1.CustomResourceDefinition, error) {
	key := client.ObjectKey{Name: o.schema}
	s := &apisv1alpha1.APIResourceSchema{}
	if o.local {
		if err := host.client.Get(ctx, key, s); err != nil {
			return nil, fmt.Errorf("reading the APIResourceSchema %s: %w", o.schema, err)
		}
		return CRDOf(s)
	}
	cached := schemaKey{multicluster.ClusterName(o.path), o.schema}
	if crd := p.schemas.get(cached); crd != nil {
		return crd, nil
	}
	elsewhere, err := p.boundSchemas(host)
	if err != nil {
		return nil, err
	}
	if err := elsewhere.Get(ctx, key, s); err != nil {
		return nil, fmt.Errorf("reading the APIResourceSchema %s that the workspace has bound: %w", o.schema, err)
	}
	crd, err := CRDOf(s)
	if err == nil {
		p.schemas.put(cached, crd)
	}
	return crd, err
}

// boundSchemas is a client for the schemas of all that a workspace has bound, wherever they lie.
func (p *Provider) boundSchemas(host *member) (client.Client, error) {
	cfg, err := schemasConfig(p.config, string(host.name))
	if err != nil {
		return nil, err
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(apisv1alpha1.SchemeGroupVersion.WithKind("APIResourceSchema"), meta.RESTScopeRoot)
	out, err := client.New(cfg, client.Options{Scheme: p.local.GetScheme(), HTTPClient: host.shard.http, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("making a client for schemas: %w", err)
	}
	return out, nil
}
