// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/claims"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/konnector/routing"
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
	// Referrers are the resources that references of accepted claims are in.
	Referrers map[schema.GroupResource]Referrer
}

// Referrer is a resource whose objects refer to claimed ones.
type Referrer struct {
	// Version is the one that its objects are read in.
	Version string
	// Table are all bindings of the resource, Binding is the one whose objects count.
	Table   routing.Table
	Binding string
}

// ClaimProgress is how the claim on one resource is doing.
type ClaimProgress struct {
	// Running says that there is a syncer, Synced that it knows both sides.
	Running, Synced bool
	// TakingBack says that nothing is accepted any more.
	TakingBack bool
	// WatchError is what an API server has against its watches.
	WatchError string
	// Denied says which API servers have said that we may not.
	Denied sync.Denied
	// Counts are those of the binding; what is left over is of nobody's claims.
	sync.Counts
	// Problems counts objects that cannot be shared, by reason.
	Problems map[string]int
}

// claimers runs the syncers of claimed resources of one place: one per resource, whichever bindings claim it, and by
// whichever of the place's Secrets. Two would each take back what only the other's claims select. A lock of places guards it.
type claimers struct {
	place types.UID
	// sessions are those that can run syncers. The first does.
	sessions []*Session
	claims   map[string]map[schema.GroupVersionResource]Claim // by binding
	running  map[schema.GroupVersionResource]*claimer
	// last are the latest syncers of resources, which may still be stopping.
	last map[schema.GroupVersionResource]<-chan struct{}
}

type claimer struct {
	syncer    *sync.ClaimSyncer
	byBinding map[string]Claim
	hold      bool
	// bindings are the keys of byBinding, for the syncer to read at any time.
	bindings atomic.Pointer[[]string]
	stop     context.CancelFunc
	stopped  chan struct{}
}

func newClaimers(place types.UID) *claimers {
	return &claimers{
		place: place, claims: map[string]map[schema.GroupVersionResource]Claim{},
		running: map[schema.GroupVersionResource]*claimer{}, last: map[schema.GroupVersionResource]<-chan struct{}{},
	}
}

// set makes exactly these claims those of a binding.
func (c *claimers) set(binding string, claims []Claim) {
	delete(c.claims, binding)
	if len(claims) == 0 {
		return
	}
	c.claims[binding] = map[schema.GroupVersionResource]Claim{}
	for _, claim := range claims {
		c.claims[binding][claim.GVR] = claim
	}
}

// apply lets exactly those syncers run that bindings need. What may hold back is asked.
func (c *claimers) apply(ctx context.Context, hold func(schema.GroupResource) bool) {
	wanted := map[schema.GroupVersionResource]map[string]Claim{}
	for binding, claims := range c.claims {
		for gvr, claim := range claims {
			if wanted[gvr] == nil {
				wanted[gvr] = map[string]Claim{}
			}
			wanted[gvr][binding] = claim
		}
	}
	for gvr, r := range c.running {
		if wanted[gvr] == nil {
			r.stop()
			delete(c.running, gvr)
		}
	}
	for gvr, byBinding := range wanted {
		r, hold := c.running[gvr], hold(gvr.GroupResource())
		if r != nil && r.hold == hold && reflect.DeepEqual(r.byBinding, byBinding) {
			continue
		}
		if r == nil {
			if r = c.start(ctx, gvr, byBinding); r == nil {
				continue
			}
		}
		r.byBinding, r.hold = byBinding, hold
		c.agree(r)
	}
}

func (c *claimers) start(ctx context.Context, gvr schema.GroupVersionResource, byBinding map[string]Claim) *claimer {
	session := c.sessions[0]
	conn := session.connection
	r := &claimer{stopped: make(chan struct{})}
	var claim Claim
	for _, claim = range byBinding {
		break
	}
	syncer, err := sync.NewClaimSyncer(sync.ClaimOptions{
		Options: sync.Options{
			Resource: gvr, StatusSubresource: claim.StatusSubresource,
			Policy:   plan.Policy{ContractNamespace: session.Namespace, ConsumerCluster: conn.Cluster},
			Consumer: conn.Consumer, Provider: session.provider,
			Recorder: conn.Recorder, Metrics: conn.Metrics, Workers: conn.Workers, Log: session.log,
			Changed: func() { r.announce(conn.Changed) },
			Targets: &namespaces.Namespaced{Map: session.namespaces, Isolation: claim.Isolation},
		},
		Place: c.place, ProvidersOnly: claim.ProvidersOnly,
	})
	if err != nil {
		session.log.Error(err, "cannot share claimed objects", "resource", gvr.Resource)
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	r.syncer, r.stop = syncer, stop
	predecessor := c.last[gvr]
	c.running[gvr], c.last[gvr] = r, r.stopped
	go func() {
		defer close(r.stopped)
		if predecessor != nil {
			<-predecessor
		}
		if err := syncer.Run(ctx); err != nil && ctx.Err() == nil {
			session.log.Error(err, "sharing of claimed objects stopped", "resource", gvr.Resource)
		}
	}()
	return r
}

// halt stops all syncers and returns what is closed when they have.
func (c *claimers) halt() []<-chan struct{} {
	var out []<-chan struct{}
	for gvr, r := range c.running {
		r.stop()
		delete(c.running, gvr)
	}
	for _, stopped := range c.last {
		out = append(out, stopped)
	}
	return out
}

// announce tells the bindings of a claimer that it has news.
func (r *claimer) announce(changed func(binding string)) {
	if bindings := r.bindings.Load(); bindings != nil {
		for _, binding := range *bindings {
			changed(binding)
		}
	}
}

// agree gives a syncer the terms of all bindings together.
func (c *claimers) agree(r *claimer) {
	bindings := slices.Sorted(maps.Keys(r.byBinding))
	r.bindings.Store(&bindings)
	terms, err := termsOf(slices.Collect(maps.Values(r.byBinding)), c.place)
	if err == nil {
		terms.Hold = r.hold
		err = r.syncer.SetTerms(terms)
	}
	if err != nil {
		c.sessions[0].log.Error(err, "cannot share claimed objects")
	}
}

// retarget follows a consumer namespace whose target has changed.
func (c *claimers) retarget(namespace string) {
	for _, r := range c.running {
		if err := r.syncer.Retarget(); err != nil {
			c.sessions[0].log.Error(err, "cannot watch a namespace of the provider")
		}
		r.syncer.EnqueueNamespace(namespace)
	}
}

func (c *claimers) progress(binding string) map[schema.GroupVersionResource]ClaimProgress {
	out := map[schema.GroupVersionResource]ClaimProgress{}
	for gvr, r := range c.running {
		claim, ok := r.byBinding[binding]
		if !ok {
			continue
		}
		p := ClaimProgress{Running: true, Synced: r.syncer.Synced(), TakingBack: len(claim.Accepted) == 0, Denied: r.syncer.Denied(), Problems: r.syncer.Problems()}
		if !p.Synced {
			p.WatchError = r.syncer.WatchError()
		}
		p.Counts = r.syncer.Shared(selectsOf(claim.Accepted))
		out[gvr] = p
	}
	return out
}

// selectsOf says what the claims of one binding select. What is referred to counts for each that has references.
func selectsOf(accepted []kubebindv1alpha2.PermissionClaim) sync.Selects {
	selected, err := claims.New(accepted)
	return func(key types.NamespacedName, labels map[string]string, referenced bool) bool {
		return err == nil && selected.Selects(key, labels, referenced && len(selected.References) > 0)
	}
}

func termsOf(all []Claim, place types.UID) (sync.Terms, error) {
	var made, accepted []kubebindv1alpha2.PermissionClaim
	referrers := map[schema.GroupResource]Referrer{}
	for _, claim := range all {
		made = append(made, claim.Made...)
		accepted = append(accepted, claim.Accepted...)
		// A session has one binding at most of each resource.
		maps.Copy(referrers, claim.Referrers)
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
	byResource := map[schema.GroupResource][]claims.Reference{}
	for _, reference := range selected.References {
		gr := reference.Resource.GroupResource()
		if _, ok := referrers[gr]; ok {
			byResource[gr] = append(byResource[gr], reference)
		}
	}
	for gr, references := range byResource {
		referrer, err := referrerOf(gr, referrers[gr], references, place)
		if err != nil {
			return sync.Terms{}, err
		}
		terms.Referrers = append(terms.Referrers, referrer)
	}
	return terms, nil
}

func referrerOf(gr schema.GroupResource, r Referrer, references []claims.Reference, place types.UID) (sync.Referrer, error) {
	// Which member is the default or leaves makes no difference to what is carried already.
	var members []string
	for _, m := range r.Table.Members {
		members = append(members, m.Binding)
	}
	id, err := json.Marshal([]any{references, members})
	if err != nil {
		return sync.Referrer{}, fmt.Errorf("encoding references: %w", err)
	}
	return sync.Referrer{
		Resource: gr.WithVersion(r.Version), ID: string(id),
		Counts: counts(r.Table, r.Binding, string(place)),
		Targets: func(object []byte, namespace string) []types.NamespacedName {
			var out []types.NamespacedName
			for _, reference := range references {
				out = append(out, reference.Of(object, namespace)...)
			}
			return out
		},
	}, nil
}

func (c *claimers) reviewed(binding string, lacking map[schema.GroupResource]bool) {
	for gvr, r := range c.running {
		lacks, asked := lacking[gvr.GroupResource()]
		if _, ok := r.byBinding[binding]; ok && asked {
			r.syncer.Reviewed(lacks)
		}
	}
}
