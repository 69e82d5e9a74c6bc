// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/guard"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// writeTimeout ends a write whose answer does not come, so that a provider that hangs frees its worker.
const writeTimeout = 30 * time.Second

// writeGrace is how long a write that is under way may go on when syncing ends. Most are done by then, and whoever comes
// next need not find out what became of them. It is less than what is left of a lease that was not renewed in time.
const writeGrace = 2 * time.Second

// absentVersion is a resourceVersion that no object ever has. An apply that carries it creates the object if it is
// absent and is refused with a conflict if it is there, so a create by apply cannot overwrite anything. Creating by
// apply, not by POST, makes one field manager own all our fields from the start (W5).
const absentVersion = "1"

// laterError asks for another look after a while, without counting as a failure.
type laterError struct{ after time.Duration }

func (e *laterError) Error() string { return fmt.Sprintf("again in %s", e.after) }

// occupiedError says that a Create found an object in its place.
type occupiedError struct {
	where where
	key   types.NamespacedName
	err   error
}

func (e *occupiedError) Error() string { return e.err.Error() }

func (e *occupiedError) Unwrap() error { return e.err }

// do executes the actions in order and stops at the first that fails.
func (e *engine) do(ctx context.Context, key types.NamespacedName, consumer *unstructured.Unstructured, actions []plan.Action) error {
	reported := false
	for _, a := range actions {
		if a.Kind == plan.Report {
			e.report(consumer, key, problem{a.Reason, a.Message}, a.Reason != plan.ReasonNamespacePending)
			reported = true
			continue
		}
		if wait := e.pace(key, a); wait > 0 {
			return &laterError{wait}
		}
		start := time.Now()
		err := e.write(ctx, key, a)
		e.Metrics.wrote(e.series(), a.Kind, err, time.Since(start))
		if err != nil {
			return e.failed(consumer, key, a, err)
		}
		e.arrive(key, a)
		e.announce(consumer, a)
		e.wrote(a)
	}
	if !reported {
		e.resolve(key)
	}
	return nil
}

// pace says how long to wait before the provider's copy is repaired: whoever else writes the same field there gets
// it back at a growing interval instead of a fight at full speed.
func (e *engine) pace(key types.NamespacedName, a plan.Action) time.Duration {
	if !a.Repair {
		return 0
	}
	id, now := key.String(), e.repairs.Clock.Now()
	if e.repairs.IsInBackOffSinceUpdate(id, now) {
		return e.repairs.Get(id)
	}
	e.repairs.Next(id, now)
	return 0
}

func (e *engine) write(ctx context.Context, key types.NamespacedName, a plan.Action) error {
	ctx, cancel := writing(ctx)
	defer cancel()
	client := at(e.side(a), a.Key)
	switch a.Kind {
	case plan.AddFinalizer, plan.RemoveFinalizer, plan.Mark:
		return e.patch(ctx, client, key, a, types.MergePatchType)
	case plan.PatchStatus, plan.Prune:
		return e.patch(ctx, client, key, a, types.JSONPatchType)
	case plan.Create:
		return e.apply(ctx, client, key, a, absentVersion)
	case plan.Apply:
		err := e.apply(ctx, client, key, a, "")
		if a.Emptying == nil || !apierrors.IsInvalid(err) || isOtherUID(err) {
			return err
		}
		if err := e.empty(ctx, client, key, a); err != nil {
			return err
		}
		return e.apply(ctx, client, key, a, "")
	case plan.Delete:
		return e.delete(ctx, client, key, a)
	default:
		return fmt.Errorf("action %v is not a write", a.Kind)
	}
}

// writing is the context of a write that is to end well, if it can.
func writing(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(writeGrace, cancel) })
	return out, func() {
		unhook()
		cancel()
	}
}

func whereOf(a plan.Action) where {
	if a.OnProvider() {
		return there
	}
	return here
}

// side is the client of the side that an action writes to.
func (e *engine) side(a plan.Action) dynamic.NamespaceableResourceInterface {
	if a.OnProvider() {
		return e.Provider.Resource(e.Resource)
	}
	return e.Consumer.Resource(e.Resource)
}

// remember lets the guard know of a write, by its answer.
func (e *engine) remember(key types.NamespacedName, a plan.Action, after *unstructured.Unstructured) {
	side := guard.Consumer
	if whereOf(a) == there {
		side = guard.Provider
	}
	e.guard.Wrote(key, side, after.GetResourceVersion())
}

func (e *engine) patch(ctx context.Context, client dynamic.ResourceInterface, key types.NamespacedName, a plan.Action, kind types.PatchType) error {
	var subresources []string
	if a.Kind == plan.PatchStatus && e.StatusSubresource {
		subresources = append(subresources, "status")
	}
	after, err := client.Patch(ctx, a.Key.Name, kind, a.Patch, metav1.PatchOptions{FieldManager: kubebindv1alpha2.FieldManager}, subresources...)
	if err != nil {
		return err
	}
	e.remember(key, a, after)
	if a.Kind == plan.RemoveFinalizer && len(after.GetFinalizers()) == 0 {
		e.guard.Released(key, a.UID)
	}
	return nil
}

func (e *engine) apply(ctx context.Context, client dynamic.ResourceInterface, key types.NamespacedName, a plan.Action, version string) error {
	if version != "" {
		a.Object.SetResourceVersion(version)
	}
	after, err := client.Apply(ctx, a.Object.GetName(), a.Object, metav1.ApplyOptions{FieldManager: kubebindv1alpha2.FieldManager, Force: true})
	if err != nil {
		return err
	}
	e.remember(key, a, after)
	return nil
}

// empty makes room for an apply that was refused for what it would leave empty.
func (e *engine) empty(ctx context.Context, client dynamic.ResourceInterface, key types.NamespacedName, a plan.Action) error {
	after, err := client.Patch(ctx, a.Key.Name, types.JSONPatchType, a.Emptying, metav1.PatchOptions{FieldManager: kubebindv1alpha2.FieldManager})
	if err != nil {
		return err
	}
	e.remember(key, a, after)
	return nil
}

func (e *engine) delete(ctx context.Context, client dynamic.ResourceInterface, key types.NamespacedName, a plan.Action) error {
	err := client.Delete(ctx, a.Key.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &a.UID}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil && a.OnProvider() {
		e.guard.Deleted(key, a.UID)
	}
	return err
}

// failed tells one kind of error from another and decides who hears of it.
func (e *engine) failed(consumer *unstructured.Unstructured, key types.NamespacedName, a plan.Action, err error) error {
	onProvider := a.OnProvider()
	if onProvider && isDoubtful(err) {
		e.doubts.add(key, a.Key)
	}
	switch {
	case a.Kind == plan.Create && (apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)):
		e.Metrics.conflict(e.series(), whereOf(a))
		err = &occupiedError{where: whereOf(a), key: a.Key, err: err}
	case apierrors.IsConflict(err), isOtherUID(err), apierrors.IsNotFound(err) && !onProvider:
		// The object is not what the cache showed. Its event is under way; the retry is for the case that it is not.
		e.Metrics.conflict(e.series(), whereOf(a))
	case isAway(err):
		e.report(consumer, key, problem{Retrying, ""}, false)
	case onProvider:
		e.report(consumer, key, problem{ReasonRejected, fmt.Sprintf("the provider refused the object: %v", err)}, true)
	default:
		e.deny(here, err)
		e.report(consumer, key, problem{ReasonConsumerRejected, fmt.Sprintf("this cluster refused an update of the object: %v", err)}, true)
	}
	return fmt.Errorf("%s: %w", a.Kind, err)
}

// isOtherUID says whether an apply met an object with another UID than its precondition: the API server calls that an
// attempt to change the UID.
func isOtherUID(err error) bool {
	cause, ok := apierrors.StatusCause(err, metav1.CauseTypeFieldValueInvalid)
	return ok && cause.Field == "metadata.uid"
}

// isAway says whether an error is about the server or our credential rather than about the object. What a server says
// without a reason is about the object: "request is too large" is of that kind.
func isAway(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonUnauthorized, metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout,
		metav1.StatusReasonTooManyRequests, metav1.StatusReasonServiceUnavailable:
		return true
	case metav1.StatusReasonUnknown:
		return statusCode(err) == 0
	default:
		return false
	}
}

// isDoubtful says whether a write that got this answer, or none, may have been done all the same.
func isDoubtful(err error) bool {
	return isAway(err) || statusCode(err) >= http.StatusInternalServerError
}

// statusCode is that of a server's answer, 0 if there was none.
func statusCode(err error) int32 {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code
	}
	return 0
}

func at(client dynamic.NamespaceableResourceInterface, key types.NamespacedName) dynamic.ResourceInterface {
	if key.Namespace == "" {
		return client
	}
	return client.Namespace(key.Namespace)
}
