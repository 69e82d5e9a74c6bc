// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"errors"
	gosync "sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/features"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"

	"kube-bind.io/kube-bind/konnector/sync/guard"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// A failing object is tried again after retryMin, then twice as long each time, up to retryMax. A field that
// somebody on the provider keeps changing back is repaired at that pace as well.
const (
	retryMin = 100 * time.Millisecond
	retryMax = 2 * time.Minute
)

// engine is what syncers of all kinds are built on: a queue of consumer keys, workers, and the execution of plans. Its
// only state is the guard and what is wrong with which object.
type engine struct {
	Options
	queue    workqueue.TypedRateLimitingInterface[types.NamespacedName]
	guard    *guard.Guard
	doubts   *doubts
	repairs  *flowcontrol.Backoff
	problems *problems
	arrivals *arrivals
	workers  gosync.WaitGroup
	// wrote is called after each write that succeeded.
	wrote func(plan.Action)

	mu         gosync.Mutex
	watchError string
	denied     Denied
	// lacking says that a right was missing when that was looked into last.
	lacking bool
}

// Denied says which API servers have answered that the konnector may not.
type Denied struct {
	// Here is the consumer's: a watch or a write. There is the provider's, a watch only: what it has against a write may be the object.
	Here, There bool
}

func newEngine(o Options) (*engine, error) {
	if !features.FeatureGates().Enabled(features.AtomicFIFO) {
		return nil, errors.New("client-go feature AtomicFIFO is off (see KUBE_FEATURE_AtomicFIFO in the environment): switch it on, syncing is not safe without")
	}
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	return &engine{
		Options: o,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](retryMin, retryMax)),
		guard:    guard.New(),
		doubts:   newDoubts(),
		repairs:  flowcontrol.NewBackOff(retryMin, retryMax),
		problems: newProblems(),
		arrivals: newArrivals(),
		wrote:    func(plan.Action) {},
	}, nil
}

// startWork lets workers take keys from the queue until stopWork.
func (e *engine) startWork(ctx context.Context, reconcile func(context.Context, types.NamespacedName) error) {
	e.Metrics.begin(e)
	for range e.Workers {
		e.workers.Go(func() { e.work(ctx, reconcile) })
	}
	e.workers.Go(func() { wait.UntilWithContext(ctx, func(context.Context) { e.repairs.GC() }, retryMax) })
}

// stopWork returns when no write is under way any more. The context of startWork must have ended.
func (e *engine) stopWork() {
	e.queue.ShutDown()
	e.workers.Wait()
	e.Metrics.end(e)
}

func (e *engine) work(ctx context.Context, reconcile func(context.Context, types.NamespacedName) error) {
	for {
		key, shutdown := e.queue.Get()
		if shutdown {
			return
		}
		e.arrivals.take(key)
		err := reconcile(ctx, key)
		e.arrivals.settle(key, e.waits(key, err))
		e.finish(ctx, key, err)
		e.queue.Done(key)
	}
}

// saw takes the news of one side about an object, by the consumer's key.
func (e *engine) saw(on where, key types.NamespacedName) {
	e.arrivals.note(on, key)
	e.queue.Add(key)
}

// waits says whether an object is not in sync yet, but will be without anybody's help: the time counts that it takes.
func (e *engine) waits(key types.NamespacedName, err error) bool {
	switch e.problems.reason(key) {
	case plan.ReasonNamespacePending:
		return true
	case "", Retrying:
		return err != nil
	}
	return false
}

func (e *engine) finish(ctx context.Context, key types.NamespacedName, err error) {
	var later *laterError
	switch {
	case err == nil:
		e.queue.Forget(key)
	case ctx.Err() != nil:
	case errors.As(err, &later):
		e.queue.AddAfter(key, later.after)
	default:
		e.Log.V(4).Info("will try again", "resource", e.Resource.Resource, "object", key, "error", err.Error())
		e.queue.AddRateLimited(key)
	}
}

// Problems counts the objects that are not in sync, by reason.
func (e *engine) Problems() map[string]int { return e.problems.counts() }

// RetryFailed tries all failing objects again now: the provider is back.
func (e *engine) RetryFailed() {
	for _, key := range e.problems.keys() {
		e.queue.Add(key)
	}
}

// WatchError says why it is not synced, if that is known.
func (e *engine) WatchError() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.watchError
}

// watchFailed returns what keeps what an API server had against a watch. Errors of connections are left out: they change from
// one try to the next, and others tell of them.
func (e *engine) watchFailed(on where) func(error) {
	return func(err error) {
		if isAway(err) {
			return
		}
		e.mu.Lock()
		e.watchError = err.Error()
		e.mu.Unlock()
		e.deny(on, err)
		e.Changed()
	}
}

// deny notes that an API server has answered that we may not, if it has.
func (e *engine) deny(on where, err error) {
	if !apierrors.IsForbidden(err) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if on == here {
		e.denied.Here = true
	} else {
		e.denied.There = true
	}
}

// watched forgets what API servers had against watches: it is synced. What this cluster has against us is for Reviewed to forget.
func (e *engine) watched() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watchError = ""
	e.denied.There = false
}

// Denied says who has answered that we may not, and has not been looked into since.
func (e *engine) Denied() Denied {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.denied
}

// Reviewed says whether the consumer's API server was found to withhold a right, after it has answered that we may not. When it withholds
// none any more, what failed is tried again. If it never did, then something else has refused a write, such as a quota, a policy or a
// webhook: that may do so again, so objects keep to their own pace.
func (e *engine) Reviewed(lacking bool) {
	e.mu.Lock()
	given := e.lacking && !lacking
	e.lacking = lacking
	if !lacking {
		e.denied.Here = false
	}
	e.mu.Unlock()
	if given {
		e.RetryFailed()
	}
}
