// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestClassify(t *testing.T) {
	boom := errors.New("boom")
	conflict := fmt.Errorf("writing: %w", apierrors.NewConflict(schema.GroupResource{Resource: "x"}, "y", boom))
	for name, tc := range map[string]struct {
		err             error
		reason, message string
		retried         bool
	}{
		"no error":          {nil, "", "", false},
		"blocked":           {Block("NameTooLong", "%d characters", 70), "NameTooLong", "70 characters", false},
		"blocked, wrapped":  {fmt.Errorf("doing it: %w", Block("NameTooLong", "long")), "NameTooLong", "long", false},
		"any other":         {boom, kubebindv1alpha2.ReasonError, "boom", true},
		"conflict is quiet": {conflict, "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got := classify(tc.err)
			if got.reason != tc.reason || got.message != tc.message || (got.retry != nil) != tc.retried {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRetry(t *testing.T) {
	boom := errors.New("boom")
	if _, err := retry(boom); !errors.Is(err, boom) {
		t.Errorf("got %v: the queue has to see it, to wait longer each time", err)
	}
	result, err := retry(apierrors.NewConflict(schema.GroupResource{}, "y", boom))
	if err != nil || result.RequeueAfter <= 0 {
		t.Errorf("got %v, %v for a conflict", result, err)
	}
}

// What a reconcile writes to the status must not wake it up: a failing one would never pause.
func TestEvents(t *testing.T) {
	type object = kubebindv1alpha2.ClusterBinding
	base := func(mods ...func(*object)) *object {
		out := &object{ObjectMeta: metav1.ObjectMeta{
			Name: "x", UID: types.UID("1"), Generation: 1, ResourceVersion: "1", Labels: map[string]string{"a": "b"},
		}}
		for _, mod := range mods {
			mod(out)
		}
		return out
	}
	condition := func(o *object) {
		o.ResourceVersion = "2"
		o.Status.Conditions = []kubebindv1alpha2.Condition{{Type: "Ready", Message: "other"}}
	}
	version := func(o *object) { o.ResourceVersion, o.Status.KonnectorVersion = "2", "v2" }
	r := runner[object, *object]{Controller: Controller[*object]{
		Changed: func(before, after *object) bool {
			return before.Status.KonnectorVersion != after.Status.KonnectorVersion
		},
	}}
	now := metav1.Now()
	for name, tc := range map[string]struct {
		after         *object
		own, watching bool
	}{
		"condition":            {base(condition), false, false},
		"status that matters":  {base(version), true, false},
		"spec":                 {base(func(o *object) { o.Generation = 2 }), true, true},
		"label":                {base(func(o *object) { o.Labels = nil }), true, true},
		"annotation":           {base(func(o *object) { o.Annotations = map[string]string{"a": "b"} }), true, true},
		"owner":                {base(func(o *object) { o.OwnerReferences = []metav1.OwnerReference{{Name: "o"}} }), true, true},
		"deletion":             {base(func(o *object) { o.DeletionTimestamp = &now }), true, true},
		"made again meanwhile": {base(func(o *object) { o.UID = "2" }), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := event.UpdateEvent{ObjectOld: base(), ObjectNew: tc.after}
			if got := r.ownEvents().Update(e); got != tc.own {
				t.Errorf("own events: %v", got)
			}
			if got := IgnoreStatus().Update(e); got != tc.watching {
				t.Errorf("events of watched kinds: %v", got)
			}
		})
	}
}

func TestWorthTelling(t *testing.T) {
	var none Readiness
	passing, further := Readiness{Status: "False", Reason: "Pending", Expected: true}, Readiness{Status: "False", Reason: "Almost", Expected: true}
	ready, broken, heldUp := Readiness{Status: "True"}, Readiness{Status: "False", Reason: "Broken"}, Readiness{Status: "False", Reason: "Pending"}
	for name, tc := range map[string]struct {
		was, is Readiness
		want    bool
	}{
		"nothing known":         {none, none, false},
		"begun":                 {none, passing, false},
		"a step further":        {passing, further, false},
		"ready":                 {passing, ready, true},
		"still ready":           {ready, ready, false},
		"not ready any more":    {ready, passing, true},
		"broken at once":        {none, broken, true},
		"still broken":          {broken, broken, false},
		"broken otherwise":      {broken, heldUp, true},
		"held up on its way":    {passing, heldUp, true},
		"goes on after a hitch": {heldUp, passing, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := worthTelling(tc.was, tc.is); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestLeavesStatus(t *testing.T) {
	for patch, want := range map[string]bool{
		`{"metadata":{"resourceVersion":"1"}}`:                              true,
		`{"metadata":{"resourceVersion":"1"},"status":{"phase":"Pending"}}`: false,
		`{"metadata":{"resourceVersion":"1"},"status":null}`:                false,
	} {
		if got, err := leavesStatus([]byte(patch)); err != nil || got != want {
			t.Errorf("%s: got %v, %v", patch, got, err)
		}
	}
}
