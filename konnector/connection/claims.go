// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	gosync "sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/claims"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// Claim is what one binding claims of one resource.
type Claim struct {
	// GVR is the claimed resource.
	GVR schema.GroupVersionResource
	// ProvidersOnly says that the consumer's objects are synced in another way, and StatusSubresource that those of the
	// provider have a status at /status. Both are for exported resources.
	ProvidersOnly, StatusSubresource bool
	// Isolation is the export's.
	Isolation kubebindv1alpha2.Isolation
	// Made are the export's claims on the resource. They say what the provider lets us see.
	Made []kubebindv1alpha2.PermissionClaim
	// Accepted are those that the consumer has not refused. With none, what was shared is taken back.
	Accepted []kubebindv1alpha2.PermissionClaim
	// Referrers are the resources that references of accepted claims are in, in the version that they are read in.
	Referrers map[schema.GroupResource]schema.GroupVersionResource
}

// ClaimProgress is how the claim on one resource is doing.
type ClaimProgress struct {
	// Running says that there is a syncer, Synced that it knows both sides.
	Running, Synced bool
	// TakingBack says that nothing is accepted any more.
	TakingBack bool
	// WatchError is what an API server has against its watches.
	WatchError string
	// Up counts the consumer's objects that are shared, Down the provider's.
	Up, Down int
	// Problems counts objects that cannot be shared, by reason.
	Problems map[string]int
}

// claimers runs the syncers of claimed resources of a session: one per resource, whichever bindings claim it.
type claimers struct {
	session  *Session
	provider dynamic.Interface

	mu      gosync.Mutex
	ctx     context.Context //nolint:containedctx // The life of the syncers, which outlives every Reconcile. Nil: not open.
	running map[schema.GroupVersionResource]*claimer
	done    gosync.WaitGroup
}

type claimer struct {
	syncer    *sync.ClaimSyncer
	byBinding map[string]Claim
	// bindings are the keys of byBinding, for the syncer to read at any time.
	bindings atomic.Pointer[[]string]
	stop     context.CancelFunc
}

func newClaimers(s *Session, provider dynamic.Interface) *claimers {
	return &claimers{session: s, provider: provider, running: map[schema.GroupVersionResource]*claimer{}}
}

func (c *claimers) open(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx = ctx
}

// close stops everything and waits for it.
func (c *claimers) close() {
	c.mu.Lock()
	c.ctx = nil
	for gvr, r := range c.running {
		r.stop()
		delete(c.running, gvr)
	}
	c.mu.Unlock()
	c.done.Wait()
}

// set makes exactly these claims those of a binding. Nothing is taken back of a claim that is left out: that takes a claim
// of which nothing is accepted.
func (c *claimers) set(binding string, claims []Claim, place types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil || place == "" {
		return
	}
	desired := map[schema.GroupVersionResource]Claim{}
	for _, claim := range claims {
		desired[claim.GVR] = claim
	}
	for gvr, claim := range desired {
		if c.running[gvr] == nil {
			c.start(claim, place)
		}
	}
	for gvr, r := range c.running {
		claim, wanted := desired[gvr]
		have, had := r.byBinding[binding]
		switch {
		case wanted && (!had || !reflect.DeepEqual(have, claim)):
			r.byBinding[binding] = claim
			c.agree(r)
		case !wanted && had:
			delete(r.byBinding, binding)
			c.agree(r)
		}
		if len(r.byBinding) == 0 {
			r.stop()
			delete(c.running, gvr)
		}
	}
}

func (c *claimers) start(claim Claim, place types.UID) {
	conn := c.session.connection
	r := &claimer{byBinding: map[string]Claim{}}
	syncer, err := sync.NewClaimSyncer(sync.ClaimOptions{
		Options: sync.Options{
			Resource: claim.GVR, StatusSubresource: claim.StatusSubresource,
			Policy:   plan.Policy{ContractNamespace: c.session.Namespace, ConsumerCluster: conn.Cluster},
			Consumer: conn.Consumer, Provider: c.provider,
			Recorder: conn.Recorder, Metrics: conn.Metrics, Workers: conn.Workers, Log: c.session.log,
			Changed: func() { c.announce(r) },
		},
		Targets: &namespaces.Namespaced{Map: c.session.namespaces, Isolation: claim.Isolation},
		Place:   place, ProvidersOnly: claim.ProvidersOnly,
	})
	if err != nil {
		c.session.log.Error(err, "cannot share claimed objects", "resource", claim.GVR.Resource)
		return
	}
	ctx, stop := context.WithCancel(c.ctx)
	r.syncer, r.stop = syncer, stop
	c.running[claim.GVR] = r
	c.done.Go(func() {
		if err := syncer.Run(ctx); err != nil && ctx.Err() == nil {
			c.session.log.Error(err, "sharing of claimed objects stopped", "resource", claim.GVR.Resource)
		}
	})
}

// announce tells the bindings of a claimer that it has news.
func (c *claimers) announce(r *claimer) {
	if bindings := r.bindings.Load(); bindings != nil {
		for _, binding := range *bindings {
			c.session.connection.Changed(binding)
		}
	}
}

// agree gives a syncer the terms of all bindings together.
func (c *claimers) agree(r *claimer) {
	bindings := slices.Sorted(maps.Keys(r.byBinding))
	r.bindings.Store(&bindings)
	terms, err := termsOf(slices.Collect(maps.Values(r.byBinding)))
	if err == nil {
		err = r.syncer.SetTerms(terms)
	}
	if err != nil {
		c.session.log.Error(err, "cannot share claimed objects")
	}
}

func termsOf(all []Claim) (sync.Terms, error) {
	var made, accepted []kubebindv1alpha2.PermissionClaim
	versions := map[schema.GroupResource]schema.GroupVersionResource{}
	for _, claim := range all {
		made = append(made, claim.Made...)
		accepted = append(accepted, claim.Accepted...)
		maps.Copy(versions, claim.Referrers)
	}
	visible, err := claims.New(made)
	if err != nil {
		return sync.Terms{}, err
	}
	selected, err := claims.New(accepted)
	if err != nil {
		return sync.Terms{}, err
	}
	terms := sync.Terms{
		LabelSelectors: visible.LabelSelectors(), Names: visible.Names(),
		Unrestricted: len(visible.LabelSelectors()) > 0 || len(visible.References) > 0,
		Selects:      selected.Selects,
	}
	byResource := map[schema.GroupVersionResource][]claims.Reference{}
	for _, reference := range selected.References {
		if gvr, ok := versions[reference.Resource.GroupResource()]; ok {
			byResource[gvr] = append(byResource[gvr], reference)
		}
	}
	for gvr, references := range byResource {
		referrer, err := referrerOf(gvr, references)
		if err != nil {
			return sync.Terms{}, err
		}
		terms.Referrers = append(terms.Referrers, referrer)
	}
	return terms, nil
}

func referrerOf(gvr schema.GroupVersionResource, references []claims.Reference) (sync.Referrer, error) {
	id, err := json.Marshal(references)
	if err != nil {
		return sync.Referrer{}, fmt.Errorf("encoding references: %w", err)
	}
	return sync.Referrer{
		Resource: gvr, ID: string(id),
		Targets: func(object []byte, namespace string) []types.NamespacedName {
			var out []types.NamespacedName
			for _, reference := range references {
				out = append(out, reference.Of(object, namespace)...)
			}
			return out
		},
	}, nil
}

// retarget follows a consumer namespace whose target has changed.
func (c *claimers) retarget(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.running {
		if err := r.syncer.Retarget(); err != nil {
			c.session.log.Error(err, "cannot watch a namespace of the provider")
		}
		r.syncer.EnqueueNamespace(namespace)
	}
}

// retryFailed tries all objects again whose writes failed while the provider was away.
func (c *claimers) retryFailed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.running {
		r.syncer.RetryFailed()
	}
}

func (c *claimers) progress(binding string) map[schema.GroupVersionResource]ClaimProgress {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[schema.GroupVersionResource]ClaimProgress{}
	for gvr, r := range c.running {
		claim, ok := r.byBinding[binding]
		if !ok {
			continue
		}
		p := ClaimProgress{Running: true, Synced: r.syncer.Synced(), TakingBack: len(claim.Accepted) == 0, Problems: r.syncer.Problems()}
		if !p.Synced {
			p.WatchError = r.syncer.WatchError()
		}
		p.Up, p.Down = r.syncer.Shared()
		out[gvr] = p
	}
	return out
}
