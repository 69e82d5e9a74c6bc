// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	mcbuilder "sigs.k8s.io/multicluster-runtime/pkg/builder"
	mccontroller "sigs.k8s.io/multicluster-runtime/pkg/controller"
	mchandler "sigs.k8s.io/multicluster-runtime/pkg/handler"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"
)

// How a failing object is retried, and how many objects of a kind are worked on at a time.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
	workers    = 4
)

// Scope is the logical cluster that an object lives in. Its client reads from the cache of that cluster.
type Scope struct {
	client.Client
	// Cluster is the name of the logical cluster.
	Cluster multicluster.ClusterName
	// Live reads from the API server: for decisions that destroy something, and for what the cache leaves out.
	Live client.Reader
}

// Controller is what is particular to one kind of object.
type Controller[T client.Object] struct {
	// Name of the controller, in logs, metrics and Events.
	Name string
	// Reconcile changes the world for obj, and the status of obj in place. It returns when to be called again at the
	// latest; 0 waits for an event.
	Reconcile func(ctx context.Context, scope Scope, obj T) (time.Duration, error)
	// Gone is called when the object does not exist, to clear up what was left behind. May be nil.
	Gone func(ctx context.Context, scope Scope, key types.NamespacedName) error
	// Fail puts an error that Reconcile returned into the conditions of obj.
	Fail func(obj T, reason, message string)
	// Ready is what obj's condition Ready says. Each change of it is recorded as an Event, but for what is Expected on the
	// way. May be nil.
	Ready func(obj T) Readiness
	// Seen is when somebody last reported about obj, zero for never. May be nil.
	Seen func(obj T) time.Time
	// Changed tells whether an update that leaves generation and metadata alone matters. nil means that none does:
	// the controller's own status updates come back this way.
	Changed func(before, after T) bool
	// Watches are the other kinds whose events matter.
	Watches []Watch
}

// Readiness is the part of the condition Ready that users are told about.
type Readiness struct {
	// Status is "True", "False", "Unknown" or, without such a condition, "".
	Status string
	// Reason and Message are those of the condition.
	Reason, Message string
	// Expected is for a state that passes without anybody doing anything: no reason for a Warning.
	Expected bool
}

// Watch is a kind of object whose events concern the objects of a controller.
type Watch struct {
	// Object is an empty object of the kind.
	Object client.Object
	// Keys returns the objects that obj concerns. It reads from the cache only; when it fails it is called again.
	Keys func(ctx context.Context, scope Scope, obj client.Object) ([]Key, error)
	// Guests asks Keys in each logical cluster whose host the object is in, and not only in its own.
	Guests bool
	// Host asks Keys in the host of the object's logical cluster, and not in its own.
	Host bool
	// Filter drops events. May be nil.
	Filter predicate.Predicate
}

// Key is the name of an object in a logical cluster.
type Key = types.NamespacedName

// Register adds a controller to the fleet's manager. It runs in every logical cluster.
func Register[E any, T interface {
	*E
	client.Object
}](fleet Fleet, c Controller[T]) error {
	r := &runner[E, T]{Controller: c, fleet: fleet}
	b := mcbuilder.ControllerManagedBy(fleet.Manager).
		Named(c.Name).
		For(T(new(E)), mcbuilder.WithPredicates(r.ownEvents())).
		WithOptions(mccontroller.Options{
			MaxConcurrentReconciles: workers,
			// Two backends in one process are two sets of the same controllers.
			SkipNameValidation: ptr.To(true),
			// The priority queue of controller-runtime 0.24.1 can hand out an item when nobody waits for one any more,
			// with its lock held: stopping then hangs for the whole grace period.
			UsePriorityQueue: ptr.To(false),
			RateLimiter:      workqueue.NewTypedItemExponentialFailureRateLimiter[mcreconcile.Request](firstRetry, lastRetry),
		})
	for _, w := range c.Watches {
		var filters []predicate.Predicate
		if w.Filter != nil {
			filters = append(filters, w.Filter)
		}
		b = b.Watches(w.Object, w.handler(fleet), mcbuilder.WithPredicates(filters...))
	}
	if err := b.Complete(fleet.fenced(r)); err != nil {
		return fmt.Errorf("adding the controller %s: %w", c.Name, err)
	}
	return nil
}

// handler enqueues what Keys says. A wake-up must not get lost, so it is asked until it knows.
func (w Watch) handler(fleet Fleet) mchandler.EventHandlerFunc {
	return func(name multicluster.ClusterName, cl cluster.Cluster) mchandler.EventHandler {
		scope := ScopeOf(name, cl)
		return handler.TypedEnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []mcreconcile.Request {
			var out []mcreconcile.Request
			for _, scope := range w.scopes(ctx, fleet, scope) {
				for _, key := range w.keys(ctx, scope, obj) {
					out = append(out, mcreconcile.Request{ClusterName: scope.Cluster, Request: reconcile.Request{NamespacedName: key}})
				}
			}
			return out
		})
	}
}

// scopes are where Keys is asked about an object of a logical cluster. A cluster that has gone meanwhile is none.
func (w Watch) scopes(ctx context.Context, fleet Fleet, scope Scope) []Scope {
	switch {
	case w.Guests:
		return fleet.Guests(ctx, scope)
	case w.Host:
		host, err := fleet.Host(ctx, scope)
		if err != nil {
			return nil
		}
		return []Scope{host}
	}
	return []Scope{scope}
}

func (w Watch) keys(ctx context.Context, scope Scope, obj client.Object) []Key {
	found, err := w.Keys(ctx, scope, obj)
	for delay := firstRetry; err != nil; delay = min(2*delay, lastRetry) {
		ctrl.LoggerFrom(ctx).Error(err, "finding out whom an event concerns")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
			found, err = w.Keys(ctx, scope, obj)
		}
	}
	return found
}

// ScopeOf returns the scope of a logical cluster.
func ScopeOf(name multicluster.ClusterName, cl cluster.Cluster) Scope {
	return Scope{Client: cl.GetClient(), Live: cl.GetAPIReader(), Cluster: name}
}

type runner[E any, T interface {
	*E
	client.Object
}] struct {
	Controller[T]
	fleet Fleet
}

// Reconcile implements mcreconcile.Reconciler. For a cluster that is gone it returns multicluster.ErrClusterNotFound,
// which the builder's wrapper drops.
func (r *runner[E, T]) Reconcile(ctx context.Context, req mcreconcile.Request) (ctrl.Result, error) {
	cl, err := r.fleet.Provider.Get(ctx, req.ClusterName)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("getting the cluster %q: %w", req.ClusterName, err)
	}
	scope := ScopeOf(req.ClusterName, cl)
	obj := T(new(E))
	if err := scope.Get(ctx, req.NamespacedName, obj); apierrors.IsNotFound(err) {
		r.fleet.Metrics.gone(scope.Cluster, r.subject(req.NamespacedName))
		return ctrl.Result{}, r.gone(ctx, scope, req.NamespacedName)
	} else if err != nil {
		return ctrl.Result{}, fmt.Errorf("reading %s: %w", req.NamespacedName, err)
	}
	before := obj.DeepCopyObject().(T)
	again, err := r.Controller.Reconcile(ctx, scope, obj)
	out := classify(err)
	if out.failed() {
		r.Fail(obj, out.reason, out.message)
	}
	if err := patchStatus(ctx, scope, before, obj); apierrors.IsNotFound(err) {
		r.fleet.Metrics.gone(scope.Cluster, r.subject(req.NamespacedName))
		return ctrl.Result{}, nil
	} else if err != nil {
		return retry(err)
	}
	r.count(scope.Cluster, before, obj)
	r.tell(cl, before, obj)
	if out.retry != nil {
		return retry(out.retry)
	}
	return ctrl.Result{RequeueAfter: again}, nil
}

// retry asks for another try. After a conflict that is no failure: the cache only has to catch up.
func retry(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: firstRetry}, nil
	}
	return ctrl.Result{}, err
}

func (r *runner[E, T]) gone(ctx context.Context, scope Scope, key types.NamespacedName) error {
	if r.Gone == nil {
		return nil
	}
	return r.Gone(ctx, scope, key)
}

// ownEvents drops updates of nothing but the status, unless Changed wants them: what a failing reconcile writes there
// would wake it up again at once.
func (r *runner[E, T]) ownEvents() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return beyondStatus(e) || r.Changed != nil && r.Changed(e.ObjectOld.(T), e.ObjectNew.(T))
	}}
}

// IgnoreStatus drops updates of nothing but the status, of kinds whose generation counts changes of the spec.
func IgnoreStatus() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: beyondStatus}
}

func beyondStatus(e event.UpdateEvent) bool {
	before, after := e.ObjectOld, e.ObjectNew
	return before.GetGeneration() != after.GetGeneration() ||
		before.GetUID() != after.GetUID() ||
		!before.GetDeletionTimestamp().Equal(after.GetDeletionTimestamp()) ||
		!equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels()) ||
		!equality.Semantic.DeepEqual(before.GetAnnotations(), after.GetAnnotations()) ||
		!equality.Semantic.DeepEqual(before.GetOwnerReferences(), after.GetOwnerReferences())
}
