// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync"
)

// Object is an object with conditions of ours.
type Object interface {
	client.Object
	// GetConditions returns the conditions of the status.
	GetConditions() []kubebindv1alpha2.Condition
}

// Writer writes for one controller.
type Writer struct {
	// Client writes.
	Client client.Client
	// Recorder takes Events.
	Recorder events.EventRecorder
	// Action is that of the Events.
	Action string
	// Ready is what the Event says when an object becomes ready.
	Ready string
	// Kind is that of the objects, for Metrics.
	Kind string
	// Metrics say which objects are ready. Nil: nothing is counted.
	Metrics *Metrics
	// EveryMessage makes an Event of every new message of a condition Ready that is False, not only of a new reason.
	EveryMessage bool
}

// Finalizers changes one finalizer of an object, in which no other may get lost.
func (w Writer) Finalizers(ctx context.Context, o client.Object, finalizer string, change func(client.Object, string) bool) error {
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok || !change(o, finalizer) {
		return nil
	}
	err := w.Client.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(kubebindv1alpha2.FieldManager))
	if err != nil {
		return fmt.Errorf("patching the finalizers of %s: %w", o.GetName(), err)
	}
	return nil
}

// Status writes the status of an object if it has changed, and an Event if its summary has. An object that is gone needs
// none.
func (w Writer) Status(ctx context.Context, before, after Object) error {
	w.Metrics.note(w.Kind, after)
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	if err := w.Client.Status().Patch(ctx, after, client.MergeFrom(before), client.FieldOwner(kubebindv1alpha2.FieldManager)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status of %s: %w", after.GetName(), err))
	}
	w.announce(before, after)
	return nil
}

func (w Writer) announce(before, after Object) {
	was := kubebindv1alpha2.FindCondition(before.GetConditions(), kubebindv1alpha2.ConditionReady)
	is := kubebindv1alpha2.FindCondition(after.GetConditions(), kubebindv1alpha2.ConditionReady)
	w.Metrics.turned(w.Kind, was, is)
	switch {
	case is == nil:
	case was != nil && was.Status == is.Status && was.Reason == is.Reason && (!w.EveryMessage || was.Message == is.Message):
	case is.Status == metav1.ConditionTrue:
		w.Recorder.Eventf(after, nil, corev1.EventTypeNormal, kubebindv1alpha2.ConditionReady, w.Action, "%s", w.Ready)
	case is.Status == metav1.ConditionFalse && is.Severity != kubebindv1alpha2.SeverityInfo:
		w.Recorder.Eventf(after, nil, corev1.EventTypeWarning, is.Reason, w.Action, "%s", sync.EventNote(is.Message))
	}
}
