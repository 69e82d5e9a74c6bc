// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"fmt"
	gosync "sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// countDelay is how long news of counts are collected before they are told: each telling is a write to a binding.
const countDelay = time.Second

// ClaimOptions are what a ClaimSyncer needs. All fields are required.
type ClaimOptions struct {
	// Options are those of every syncer.
	Options
	// Place is the UID of the place's ClusterBinding.
	Place types.UID
	// ProvidersOnly says that another syncer carries the consumer's objects: of those it knows, none is touched.
	ProvidersOnly bool
}

// Selects says whether an object of the consumer's key with these labels is claimed.
type Selects func(key types.NamespacedName, labels map[string]string, referenced bool) bool

// Terms are what is claimed of a resource.
type Terms struct {
	// LabelSelectors and Names say where to look. A name without namespace is in any. That more is seen so than is selected
	// does no harm.
	LabelSelectors []string
	Names          []types.NamespacedName
	// Unrestricted says that the provider lets us look for owner labels, not only for names.
	Unrestricted bool
	// Referrers are the resources whose objects refer to claimed ones.
	Referrers []Referrer
	// Hold says that not all claims are known yet: what none selects is left as it is.
	Hold bool
	// Selects says which objects are claimed.
	Selects Selects

	byName sets.Set[types.NamespacedName]
}

// names says whether a claim names an object.
func (t Terms) names(key types.NamespacedName) bool {
	return t.byName.Has(key) || t.byName.Has(types.NamespacedName{Name: key.Name})
}

// ClaimSyncer shares the claimed objects of one resource between consumer and provider: the consumer's go up, the
// provider's come down. It sees what can be claimed and what is marked, and never everything.
type ClaimSyncer struct {
	*engine
	place      types.UID
	others     bool // another syncer carries the consumer's objects
	consumer   *informers
	provider   *informers
	references *references

	mu       gosync.RWMutex
	ctx      context.Context //nolint:containedctx // That of Run, for informers that start later.
	terms    Terms
	followed [2]sets.Set[types.NamespacedName] // by where, keys of that side
	counting *time.Timer
}

// NewClaimSyncer makes a ClaimSyncer, which shares nothing before it has Terms. It fails like New.
func NewClaimSyncer(o ClaimOptions) (*ClaimSyncer, error) {
	e, err := newEngine(o.Options)
	if err != nil {
		return nil, err
	}
	c := &ClaimSyncer{
		engine: e, place: o.Place, others: o.ProvidersOnly,
		terms:    Terms{Selects: func(types.NamespacedName, map[string]string, bool) bool { return false }},
		followed: [2]sets.Set[types.NamespacedName]{sets.New[types.NamespacedName](), sets.New[types.NamespacedName]()},
	}
	c.consumer = c.side(here, c.enqueue)
	c.provider = c.side(there, c.enqueueProvider)
	c.references = newReferences(e, func(key types.NamespacedName) { c.queue.Add(key) }, c.enqueueAll)
	e.wrote = c.count
	return c, nil
}

// where is one of the sides.
type where int

const (
	here where = iota
	there
)

func (c *ClaimSyncer) side(w where, enqueue func(any)) *informers {
	client := c.Consumer
	if w == there {
		client = c.Provider
	}
	return &informers{
		client:    client.Resource(c.Resource),
		transform: slim,
		handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    enqueue,
			UpdateFunc: func(_, o any) { enqueue(o) },
			DeleteFunc: enqueue,
		},
		onError:  c.watchFailed(w),
		onSynced: func(s scope) { c.synchronized(w, s) },
		running:  map[scope]*informer{},
	}
}

// Run shares until ctx ends, and returns once everything it started has stopped.
func (c *ClaimSyncer) Run(ctx context.Context) error {
	defer c.references.wait()
	defer c.provider.wait()
	defer c.consumer.wait()
	defer c.stopWork()
	c.mu.Lock()
	c.ctx = ctx
	c.mu.Unlock()
	if err := c.Retarget(); err != nil {
		return err
	}
	c.startWork(ctx, c.reconcile)
	<-ctx.Done()
	return ctx.Err()
}

// SetTerms says what is claimed from now on.
func (c *ClaimSyncer) SetTerms(terms Terms) error {
	terms.byName = sets.New(terms.Names...)
	c.mu.Lock()
	c.terms = terms
	c.mu.Unlock()
	if err := c.Retarget(); err != nil {
		return err
	}
	c.enqueueAll()
	return nil
}

// Retarget watches the provider namespaces that Targets now asks for, and what else has changed. Before Run it does
// nothing.
func (c *ClaimSyncer) Retarget() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil || c.ctx.Err() != nil {
		return nil
	}
	if err := c.consumer.watch(c.ctx, c.scopesHere()); err != nil {
		return fmt.Errorf("watching %s in the consumer: %w", c.Resource.Resource, err)
	}
	if err := c.provider.watch(c.ctx, c.scopesThere()); err != nil {
		return fmt.Errorf("watching %s in the provider: %w", c.Resource.Resource, err)
	}
	return c.references.watch(c.ctx, c.terms.Referrers)
}

// owned selects objects with an owner label: all that are shared, and their copies. unowned narrows another selector to
// those that have none yet, so that nothing is cached twice.
const (
	owned   = kubebindv1alpha2.OwnerLabel
	unowned = ",!" + kubebindv1alpha2.OwnerLabel
)

func (c *ClaimSyncer) scopesHere() sets.Set[scope] {
	scopes := sets.New(scope{labels: owned})
	for _, selector := range c.terms.LabelSelectors {
		scopes.Insert(scope{labels: selector + unowned})
	}
	for _, name := range c.terms.Names {
		scopes.Insert(scope{namespace: name.Namespace, name: name.Name})
	}
	for key := range c.followed[here] {
		scopes.Insert(scope{namespace: key.Namespace, name: key.Name})
	}
	return scopes
}

func (c *ClaimSyncer) scopesThere() sets.Set[scope] {
	scopes := sets.New[scope]()
	for namespace := range c.Targets.Watched() {
		consumer, ok := c.Targets.ToConsumer(types.NamespacedName{Namespace: namespace})
		if !ok {
			continue
		}
		if c.terms.Unrestricted {
			scopes.Insert(scope{namespace: namespace, labels: owned})
		}
		for _, selector := range c.terms.LabelSelectors {
			scopes.Insert(scope{namespace: namespace, labels: selector + unowned})
		}
		for _, name := range c.terms.Names {
			if name.Namespace == "" || name.Namespace == consumer.Namespace {
				scopes.Insert(scope{namespace: namespace, name: name.Name})
			}
		}
		for key := range c.followed[there] {
			if key.Namespace == namespace {
				scopes.Insert(scope{namespace: namespace, name: key.Name})
			}
		}
	}
	return scopes
}

// Synced says whether everything that is watched has its first list.
func (c *ClaimSyncer) Synced() bool {
	return c.consumer.synced() && c.provider.synced() && c.references.synced()
}

// Counts are of shared objects.
type Counts struct {
	// Up are the consumer's that the provider has copies of, Down the provider's that are copied here.
	Up, Down int
	// Left are those of both that are not claimed any more, by nobody.
	Left int
}

// Shared counts what is shared; what goes up and down only as far as selects says.
func (c *ClaimSyncer) Shared(selects Selects) Counts {
	terms, out, seen := c.currentTerms(), Counts{}, sets.New[types.UID]()
	count := func(o *unstructured.Unstructured, key types.NamespacedName, into *int) {
		if seen.Has(o.GetUID()) {
			return
		}
		seen.Insert(o.GetUID())
		referenced := c.references.has(key)
		if selects(key, o.GetLabels(), referenced) {
			*into++
		}
		if !terms.Selects(key, o.GetLabels(), referenced) {
			out.Left++
		}
	}
	c.provider.each(func(o *unstructured.Unstructured) {
		key, known := c.Targets.ToConsumer(types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()})
		if marks := o.GetAnnotations(); known && !c.others && marks[kubebindv1alpha2.ClusterNamespaceAnnotation] == c.Policy.ContractNamespace &&
			marks[kubebindv1alpha2.ConsumerClusterAnnotation] == string(c.Policy.ConsumerCluster) {
			count(o, key, &out.Up)
		}
	})
	c.consumer.each(func(o *unstructured.Unstructured) {
		if c.copied(o) {
			count(o, types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}, &out.Down)
		}
	})
	return out
}

// EnqueueNamespace looks at all objects of a consumer namespace again: its target has changed.
func (c *ClaimSyncer) EnqueueNamespace(namespace string) {
	for _, key := range c.references.keys(namespace) {
		c.queue.Add(key)
	}
	c.consumer.each(func(o *unstructured.Unstructured) {
		if o.GetNamespace() == namespace {
			c.enqueue(o)
		}
	})
}

func (c *ClaimSyncer) enqueueAll() {
	for _, key := range c.references.keys("") {
		c.queue.Add(key)
	}
	c.consumer.each(func(o *unstructured.Unstructured) { c.enqueue(o) })
	c.provider.each(func(o *unstructured.Unstructured) { c.enqueueProvider(o) })
	c.Changed()
}

func (c *ClaimSyncer) enqueue(o any) {
	if key, err := cache.DeletionHandlingObjectToName(o); err == nil {
		c.saw(here, key.AsNamespacedName())
	}
}

func (c *ClaimSyncer) enqueueProvider(o any) {
	key, err := cache.DeletionHandlingObjectToName(o)
	if err != nil {
		return
	}
	if consumer, ok := c.Targets.ToConsumer(key.AsNamespacedName()); ok {
		c.saw(there, consumer)
	}
}

// synchronized looks again at what could not be planned before a scope was known.
func (c *ClaimSyncer) synchronized(w where, s scope) {
	switch {
	case s.name != "" && s.namespace != "":
		key := types.NamespacedName{Namespace: s.namespace, Name: s.name}
		if consumer, ok := c.Targets.ToConsumer(key); w == there && ok {
			key = consumer
		}
		c.queue.Add(key)
	case w == there:
		if consumer, ok := c.Targets.ToConsumer(types.NamespacedName{Namespace: s.namespace}); ok {
			c.EnqueueNamespace(consumer.Namespace)
			c.provider.each(func(o *unstructured.Unstructured) {
				if o.GetNamespace() == s.namespace {
					c.enqueueProvider(o)
				}
			})
		}
	default:
		c.enqueueAll()
	}
	c.Changed()
}

// count tells, a little later, that counts may have changed.
func (c *ClaimSyncer) count(a plan.Action) {
	if a.Kind != plan.Create && a.Kind != plan.Delete && a.Kind != plan.Mark {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counting == nil {
		c.counting = time.AfterFunc(countDelay, func() {
			c.mu.Lock()
			c.counting = nil
			c.mu.Unlock()
			c.Changed()
		})
	}
}
