// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"fmt"
	gosync "sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// DefaultWorkers is how many objects of one resource are reconciled at a time.
const DefaultWorkers = 10

// staleRetry is how soon an object is looked at again that could not be planned because a cache was behind. Nearly
// always an event comes first; but when a watch breaks and the copy has come and gone before the next list, none does.
const staleRetry = 30 * time.Second

// Targets maps consumer keys to provider keys and back.
type Targets interface {
	// Target says where the consumer object of that key goes. It starts what is missing for it, if it may.
	Target(key types.NamespacedName) plan.Target
	// Known is like Target, and starts nothing.
	Known(key types.NamespacedName) plan.Target
	// ToConsumer is the inverse, for keys whose target is ready. False: no consumer object maps there.
	ToConsumer(key types.NamespacedName) (types.NamespacedName, bool)
	// Watched lists the provider namespaces to watch; metav1.NamespaceAll alone is the whole cluster.
	Watched() sets.Set[string]
}

// Router says which consumer objects are this syncer's.
type Router interface {
	Route(object *unstructured.Unstructured) routing.Route
}

// Options are what a Syncer needs. All fields are required unless they say otherwise.
type Options struct {
	// Resource is the API to sync; it has this name and version on both sides.
	Resource schema.GroupVersionResource
	// StatusSubresource says whether the consumer's CRD has /status.
	StatusSubresource bool
	// Policy holds the marks of this consumer's copies.
	Policy plan.Policy
	// Consumer and Provider are clients of the two sides, without client-side rate limit.
	Consumer, Provider dynamic.Interface
	// Targets maps keys.
	Targets Targets
	// Router says which consumer objects are carried. Nil: all.
	Router Router
	// Recorder takes Events on consumer objects.
	Recorder events.EventRecorder
	// Metrics counts what is done. Nil: nothing is counted.
	Metrics *Metrics
	// Changed is called when the counts of Problems or Synced may have changed. It must not block.
	Changed func()
	// Workers is how many objects are reconciled at a time. Default: DefaultWorkers.
	Workers int
	// Log takes what nobody can act upon.
	Log logr.Logger
}

// Syncer keeps the objects of one resource the same on both sides. Its only state, besides caches, is the guard and
// what is wrong with which object.
type Syncer struct {
	*engine
	consumer *informers
	provider *informers
	coverage *coverage

	mu  gosync.Mutex
	ctx context.Context //nolint:containedctx // That of Run, for informers that start later. Set once the consumer's objects are known.
}

// New makes a Syncer. It fails where the own-writes guard cannot work: when client-go's AtomicFIFO is switched off,
// which happens by environment variable only.
func New(o Options) (*Syncer, error) {
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	s := &Syncer{engine: e, coverage: newCoverage()}
	s.consumer = s.side(here, o.Consumer, slim, s.enqueueConsumer)
	s.provider = s.side(there, o.Provider, s.slimCopy, s.enqueueProvider)
	return s, nil
}

func (s *Syncer) side(on where, client dynamic.Interface, transform cache.TransformFunc, enqueue func(any)) *informers {
	return &informers{
		client:    client.Resource(s.Resource),
		transform: transform,
		handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    enqueue,
			UpdateFunc: func(_, o any) { enqueue(o) },
			DeleteFunc: enqueue,
		},
		onError:  s.watchFailed(on),
		onSynced: s.enqueueTargets,
		running:  map[scope]*informer{},
	}
}

// Run syncs until ctx ends, and returns once everything it started has stopped.
func (s *Syncer) Run(ctx context.Context) error {
	// Workers first: when this returns, no write is under way, so whoever comes next starts from the truth.
	defer s.provider.wait()
	defer s.coverage.done.Wait()
	defer s.consumer.wait()
	defer s.stopWork()

	if err := s.consumer.watch(ctx, sets.New(scope{})); err != nil {
		return fmt.Errorf("watching %s in the consumer: %w", s.Resource.Resource, err)
	}
	if !cache.WaitForCacheSync(ctx.Done(), s.consumer.synced) {
		return ctx.Err()
	}
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	if err := s.Retarget(); err != nil {
		return err
	}
	if !cache.WaitForCacheSync(ctx.Done(), s.Synced) {
		return ctx.Err()
	}
	s.Changed()
	s.startWork(ctx, s.reconcile)
	<-ctx.Done()
	return ctx.Err()
}

// Retarget watches the provider namespaces that Targets now asks for, as far as there is something to see. Before Run, and
// before the consumer's objects are known, it does nothing.
func (s *Syncer) Retarget() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return nil
	}
	needed := s.coverage.needed(s.Targets.Watched(), func(namespace string) bool {
		consumer, ok := s.Targets.ToConsumer(types.NamespacedName{Namespace: namespace})
		return ok && s.consumer.any(consumer.Namespace)
	})
	if err := s.provider.watch(s.ctx, inNamespaces(needed)); err != nil {
		return fmt.Errorf("watching %s in the provider: %w", s.Resource.Resource, err)
	}
	s.coverage.ask(s.ctx, s.hasAny, func() {
		if err := s.Retarget(); err != nil {
			s.Log.Error(err, "cannot watch a namespace of the provider", "resource", s.Resource.Resource)
		}
	})
	return nil
}

// look knows the provider's object under a key. A namespace in which the consumer has something by now is watched from now
// on; where neither side has anything, nothing is there.
func (s *Syncer) look(key types.NamespacedName, needed bool) (seen, error) {
	have := s.provider.get(key)
	if have.known {
		return have, nil
	}
	occupied, empty := s.coverage.state(key.Namespace)
	if needed && !occupied {
		return have, s.Retarget()
	}
	have.known = empty && !needed
	return have, nil
}

// Synced says whether both caches hold their first list.
func (s *Syncer) Synced() bool {
	s.mu.Lock()
	targeted := s.ctx != nil
	s.mu.Unlock()
	return targeted && s.consumer.synced() && s.provider.synced()
}

// Denied says who has answered that we may not, as far as that still counts: the provider's answer does until it is synced, and then what is
// not synced later waits for something else.
func (s *Syncer) Denied() Denied {
	if s.Synced() {
		s.watched()
	}
	return s.engine.Denied()
}

// EnqueueNamespace looks at all objects of a consumer namespace again: its target has changed.
func (s *Syncer) EnqueueNamespace(namespace string) {
	for _, key := range s.consumer.keys(namespace) {
		s.queue.Add(key)
	}
}

// Reroute looks at all objects again: the Router has other answers.
func (s *Syncer) Reroute() {
	s.consumer.each(func(o *unstructured.Unstructured) { s.enqueueConsumer(o) })
}

func (s *Syncer) enqueueConsumer(o any) {
	if key, err := cache.DeletionHandlingObjectToName(o); err == nil {
		s.saw(here, key.AsNamespacedName())
	}
}

func (s *Syncer) enqueueProvider(o any) {
	key, err := cache.DeletionHandlingObjectToName(o)
	if err != nil {
		return
	}
	if consumer, ok := s.Targets.ToConsumer(key.AsNamespacedName()); ok {
		s.saw(there, consumer)
	}
}

// enqueueTargets looks again at the consumer objects that go to a provider namespace.
func (s *Syncer) enqueueTargets(watched scope) {
	if consumer, ok := s.Targets.ToConsumer(types.NamespacedName{Namespace: watched.namespace}); ok {
		s.EnqueueNamespace(consumer.Namespace)
	}
	s.Changed()
}

func (s *Syncer) reconcile(ctx context.Context, key types.NamespacedName) error {
	if err := s.settle(ctx, key); err != nil {
		return err
	}
	in, fresh, err := s.view(key)
	if err != nil {
		return err
	}
	if !fresh {
		return &laterError{staleRetry}
	}
	return s.do(ctx, key, in.Consumer, plan.Object(in))
}

// slim drops from cached objects what is never looked at.
func slim(o any) (any, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.SetManagedFields(nil)
	}
	return o, nil
}

// slimCopy is slim for the provider's side. Of what is not this consumer's only the marks matter; where the provider lets
// us watch everything, the rest is neither kept nor anybody's business here.
func (s *Syncer) slimCopy(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if ok && u.GetAnnotations()[kubebindv1alpha2.ClusterNamespaceAnnotation] != s.Policy.ContractNamespace {
		u.Object = map[string]any{"apiVersion": u.Object["apiVersion"], "kind": u.Object["kind"], "metadata": u.Object["metadata"]}
	}
	return slim(o)
}
