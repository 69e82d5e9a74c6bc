// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// maxNote is below the 1024 characters that an Event's note may have.
const maxNote = 1000

// patchStatus writes the difference between the two statuses, if there is one. It fails with a conflict if somebody
// else changed the object meanwhile: lists such as conditions are replaced as a whole by a merge patch.
func patchStatus(ctx context.Context, scope Scope, before, after client.Object) error {
	base := before.DeepCopyObject().(client.Object)
	changed := after.DeepCopyObject().(client.Object)
	// Reconcile may have written the object itself, and knows the newer version then.
	base.SetResourceVersion(after.GetResourceVersion())
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	data, err := patch.Data(changed)
	if err != nil {
		return fmt.Errorf("comparing the status: %w", err)
	}
	if same, err := leavesStatus(data); err != nil || same {
		return err
	}
	if err := scope.Status().Patch(ctx, changed, client.RawPatch(types.MergePatchType, data)); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}

func leavesStatus(patch []byte) (bool, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(patch, &parts); err != nil {
		return false, fmt.Errorf("reading a status patch: %w", err)
	}
	_, found := parts["status"]
	return !found, nil
}

func (r *runner[E, T]) subject(key Key) subject {
	return subject{kind: reflect.TypeFor[E]().Name(), key: key}
}

// count lets the metrics know what has become of an object.
func (r *runner[E, T]) count(in multicluster.ClusterName, before, after T) {
	var was, is Readiness
	if r.Ready != nil {
		was, is = r.Ready(before), r.Ready(after)
	}
	var seen time.Time
	if r.Seen != nil {
		seen = r.Seen(after)
	}
	r.fleet.Metrics.note(in, r.subject(client.ObjectKeyFromObject(after)), was, is, seen)
}

// tell records an Event when the condition Ready has got another status or reason. What only has to pass on the way to it is in
// the condition, and no Event: with each bind there would be half a dozen that nobody has to read.
func (r *runner[E, T]) tell(cl cluster.Cluster, before, after T) {
	if r.Ready == nil {
		return
	}
	was, is := r.Ready(before), r.Ready(after)
	if !worthTelling(was, is) {
		return
	}
	kind, reason, note := corev1.EventTypeNormal, is.Reason, is.Message
	if is.Status == "False" && !is.Expected {
		kind = corev1.EventTypeWarning
	}
	if reason == "" {
		reason = "Ready"
	}
	if note == "" {
		note = "Ready is " + is.Status
	}
	if len(note) > maxNote {
		note = note[:maxNote] + "…"
	}
	cl.GetEventRecorder(r.Name).Eventf(after, nil, kind, reason, "Reconcile", "%s", note)
}

func worthTelling(was, is Readiness) bool {
	passing := is.Expected && (was.Status == "" || was.Expected)
	same := was.Status == is.Status && was.Reason == is.Reason && was.Expected == is.Expected
	return is.Status != "" && !passing && !same
}

// ReadyOf reads the condition Ready of an object with conditions of our own type.
func ReadyOf[T kubebindv1alpha2.Conditioned](obj T) Readiness {
	c := kubebindv1alpha2.FindCondition(obj.GetConditions(), kubebindv1alpha2.ConditionReady)
	if c == nil {
		return Readiness{}
	}
	return Readiness{Status: string(c.Status), Reason: c.Reason, Message: c.Message, Expected: c.Severity == kubebindv1alpha2.SeverityInfo}
}
