// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/providers/kube"
)

// KCP says how a kcp is served.
type KCP struct {
	// Tenancy is where consumers get their places: kcp.Workspaces or kcp.Namespaces. Default: kcp.Workspaces.
	Tenancy kcp.Tenancy
	// EndpointSlice is the name of the APIExportEndpointSlice of kube-bind's APIExport. Default: kube-bind.io.
	EndpointSlice string
	// OfferBindings offers what provider workspaces have bound of others, too. Default: false.
	OfferBindings bool
	// IgnoreBindings are how the names of APIBindings begin of which no templates are made. Default: kube-bind.io, tenancy.kcp.io
	// and topology.kcp.io.
	IgnoreBindings []string
	// Share lets all replicas work, each on some of the provider workspaces with those of their consumers, and none lead.
	// Default: false.
	Share bool
}

func newKCP() KCP {
	return KCP{Tenancy: kcp.Workspaces, EndpointSlice: kcp.ExportName, IgnoreBindings: []string{kcp.ExportName, "tenancy.kcp.io", "topology.kcp.io"}}
}

func (k *KCP) addFlags(fs *pflag.FlagSet) {
	fs.StringVar((*string)(&k.Tenancy), "tenancy", string(k.Tenancy), "With --provider=kcp, what a consumer gets: "+list(tenancies())+".")
	fs.StringVar(&k.EndpointSlice, "apiexport-endpoint-slice-name", k.EndpointSlice, "With --provider=kcp, the APIExportEndpointSlice of kube-bind's APIExport.")
	fs.BoolVar(&k.OfferBindings, "offer-apibindings", k.OfferBindings, "With --provider=kcp, make templates of what provider workspaces have bound of others.")
	fs.StringSliceVar(&k.IgnoreBindings, "apibinding-ignore-prefixes", k.IgnoreBindings, "With --offer-apibindings, how the names of APIBindings begin that are not offered.")
	fs.BoolVar(&k.Share, "share-workspaces", k.Share, "With --provider=kcp, let all replicas work: each on some provider workspaces and those of their consumers. Instead of --leader-elect.")
}

func tenancies() []kcp.Tenancy { return []kcp.Tenancy{kcp.Workspaces, kcp.Namespaces} }

// completeKCP fixes what follows from a workspace for each consumer: nobody else is in it, so that names stay what they are and
// one watch is enough.
func (o *Options) completeKCP() {
	o.KCP.Tenancy = canonical(o.KCP.Tenancy, tenancies())
	if o.Provider != ProviderKCP {
		return
	}
	o.InstallCRDs = false
	if o.KCP.Tenancy == kcp.Workspaces {
		o.Isolation, o.ConsumerScope = kubebindv1alpha2.IsolationNone, kubebindv1alpha2.ClusterScope
	}
}

func (o *Options) validKCP() error {
	if o.Provider != ProviderKCP {
		if o.SchemaSource == SchemaSourceKCP {
			return fmt.Errorf("--schema-source=%s: needs --provider=%s", o.SchemaSource, ProviderKCP)
		}
		if o.KCP.Share {
			return fmt.Errorf("--share-workspaces: needs --provider=%s: a plain cluster is one, and one replica works on it", ProviderKCP)
		}
		return nil
	}
	return errors.Join(oneOf("tenancy", o.KCP.Tenancy, tenancies()), notEmpty("apiexport-endpoint-slice-name", o.KCP.EndpointSlice))
}

// newKCPProvider makes the provider for a kcp, which every replica follows.
func newKCPProvider(local ctrl.Manager, places kube.Options, opts Options) (providers.Provider, error) {
	p, err := kcp.New(local, kcp.Options{
		Tenancy: opts.KCP.Tenancy, EndpointSlice: opts.KCP.EndpointSlice, OfferBindings: opts.KCP.OfferBindings,
		Places: places, Cache: cacheOptions(), Kinds: watched(), Logger: opts.Logger.WithName("kcp"),
	})
	if err != nil {
		return nil, err
	}
	return p, local.Add(p.Watcher())
}

// registerOffers adds the controller that makes templates of what is bound, if that is wanted.
func registerOffers(fleet loop.Fleet, opts Options) error {
	p, ok := fleet.Provider.(*kcp.Provider)
	if !ok || !opts.KCP.OfferBindings {
		return nil
	}
	return p.RegisterOffers(fleet.Manager, opts.KCP.IgnoreBindings, fleet.Fence)
}
