// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/util/flowcontrol"
	clocktesting "k8s.io/utils/clock/testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

func TestErrorClasses(t *testing.T) {
	resource := schema.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}
	invalidUID := &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid, Details: &metav1.StatusDetails{
		Causes: []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: "metadata.uid"}},
	}}}
	for name, tc := range map[string]struct {
		err             error
		away, otherUIDs bool
	}{
		"no connection":      {&url.Error{Op: "Patch", Err: syscall.ECONNREFUSED}, true, false},
		"no answer":          {context.DeadlineExceeded, true, false},
		"token revoked":      {apierrors.NewUnauthorized("no"), true, false},
		"too many requests":  {apierrors.NewTooManyRequests("later", 1), true, false},
		"going down":         {apierrors.NewServiceUnavailable("bye"), true, false},
		"server too slow":    {apierrors.NewTimeoutError("slow", 1), true, false},
		"a webhook is ill":   {apierrors.NewInternalError(errors.New("webhook")), false, false},
		"denied":             {apierrors.NewForbidden(resource, "billy", errors.New("policy")), false, false},
		"invalid":            {apierrors.NewInvalid(schema.GroupKind{}, "billy", nil), false, false},
		"too large for etcd": {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 500, Message: "etcdserver: request is too large"}}, false, false},
		"not the same UID":   {invalidUID, false, true},
		"too large":          {apierrors.NewRequestEntityTooLargeError("big"), false, false},
		"bad request":        {apierrors.NewBadRequest("bad"), false, false},
		"changed meanwhile":  {apierrors.NewConflict(resource, "billy", nil), false, false},
		"method not allowed": {apierrors.NewMethodNotSupported(resource, "patch"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isAway(tc.err); got != tc.away {
				t.Errorf("isAway is %v", got)
			}
			if got := isOtherUID(tc.err); got != tc.otherUIDs {
				t.Errorf("isOtherUID is %v", got)
			}
		})
	}
}

// A write may have been done although its answer says otherwise, or there is none.
func TestIsDoubtful(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"no answer":      {context.DeadlineExceeded, true},
		"internal error": {apierrors.NewInternalError(errors.New("etcd")), true},
		"no reason":      {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 500}}, true},
		"denied":         {apierrors.NewForbidden(schema.GroupResource{}, "billy", nil), false},
		"conflict":       {apierrors.NewConflict(schema.GroupResource{}, "billy", nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isDoubtful(tc.err); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Whoever changes a field of ours on the provider gets it back at a growing interval.
func TestPaceGrowsForRepairsAlone(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	s := &engine{repairs: flowcontrol.NewFakeBackOff(retryMin, retryMax, clock)}
	key := types.NamespacedName{Name: "billy"}
	repair := plan.Action{Kind: plan.Apply, Repair: true}
	var waits []time.Duration
	for range 5 {
		if wait := s.pace(key, repair); wait != 0 {
			t.Fatalf("a repair that is due waits %s", wait)
		}
		wait := s.pace(key, repair)
		if wait <= 0 {
			t.Fatal("a second repair at once is not held back")
		}
		waits = append(waits, wait)
		if got := s.pace(key, plan.Action{Kind: plan.Apply}); got != 0 {
			t.Errorf("a change by the user waits %s", got)
		}
		clock.Step(wait)
	}
	for i := 1; i < len(waits); i++ {
		if waits[i] <= waits[i-1] {
			t.Errorf("waits do not grow: %v", waits)
		}
	}
}

func TestProblems(t *testing.T) {
	p := newProblems()
	a, b := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "b"}
	if news, counts := p.set(a, problem{"Conflict", "m"}); !news || !counts {
		t.Error("the first is no news")
	}
	if news, counts := p.set(a, problem{"Conflict", "m"}); news || counts {
		t.Error("the same again is news")
	}
	if news, counts := p.set(a, problem{"Conflict", "other"}); !news || counts {
		t.Error("another message must be news and count the same")
	}
	p.set(b, problem{"Rejected", "m"})
	if got := p.counts(); got["Conflict"] != 1 || got["Rejected"] != 1 || len(p.keys()) != 2 {
		t.Errorf("got %v", got)
	}
	if !p.clear(a) || p.clear(a) || len(p.counts()) != 1 {
		t.Error("a cleared problem still counts")
	}
}

// Only a right that was missing and is given has failed objects tried again at once: whatever else refuses a write may refuse it again.
func TestReviewed(t *testing.T) {
	e, err := newEngine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	e.problems.set(types.NamespacedName{Name: "billy"}, problem{ReasonConsumerRejected, "no"})
	for _, step := range []struct {
		what            string
		lacking, denied bool
		tried           int
	}{
		{"a quota refuses", false, false, 0},
		{"and again", false, false, 0},
		{"a right is missing", true, true, 0},
		{"still", true, true, 0},
		{"it is given", false, false, 1},
		{"a quota refuses then", false, false, 0},
	} {
		e.deny(here, apierrors.NewForbidden(schema.GroupResource{}, "billy", nil))
		e.Reviewed(step.lacking)
		if got := e.Denied().Here; got != step.denied {
			t.Errorf("%s: denied is %v", step.what, got)
		}
		if got := e.queue.Len(); got != step.tried {
			t.Errorf("%s: %d objects are tried again, want %d", step.what, got, step.tried)
		}
		for e.queue.Len() > 0 {
			key, _ := e.queue.Get()
			e.queue.Done(key)
		}
	}
}

// What the provider had against a watch is forgotten once everything is watched: what is not watched later waits for something else.
func TestDeniedUntilSynced(t *testing.T) {
	client := dynamicfake.NewSimpleDynamicClient(runtime.NewScheme())
	s, err := New(Options{Consumer: client, Provider: client, Changed: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []where{here, there} {
		s.watchFailed(on)(apierrors.NewForbidden(schema.GroupResource{}, "", nil))
	}
	if got := s.Denied(); got != (Denied{Here: true, There: true}) || s.WatchError() == "" {
		t.Errorf("not synced: %+v, error %q", got, s.WatchError())
	}
	s.ctx = t.Context() // synced: there is no informer that is not
	if got := s.Denied(); got != (Denied{Here: true}) {
		t.Errorf("synced: %+v", got)
	}
	s.ctx = nil
	if got := s.Denied(); got != (Denied{Here: true}) || s.WatchError() != "" {
		t.Errorf("not synced any more: %+v, error %q", got, s.WatchError())
	}
}

func TestDoubts(t *testing.T) {
	d := newDoubts()
	consumer, provider := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "p-a"}
	d.add(consumer, provider)
	if got, ok := d.get(consumer); !ok || got != provider {
		t.Errorf("got %v", got)
	}
	d.remove(consumer)
	if _, ok := d.get(consumer); ok {
		t.Error("it is still there")
	}
}

func TestEventNote(t *testing.T) {
	if got := EventNote("short"); got != "short" {
		t.Errorf("got %q", got)
	}
	got := EventNote(strings.Repeat("é", maxNote))
	if len(got) > maxNote || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("got %d bytes", len(got))
	}
}

// Of other consumers' copies nothing is kept but what tells whose they are.
func TestSlimCopyKeepsNothingOfOthers(t *testing.T) {
	s := &Syncer{engine: &engine{Options: Options{Policy: plan.Policy{ContractNamespace: "ours"}}}}
	object := func(owner string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Cowboy", "spec": "secret", "status": "secret"}}
		o.SetName("billy")
		o.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: owner})
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "m"}})
		return o
	}
	for owner, kept := range map[string]bool{"ours": true, "theirs": false, "": false} {
		got, err := s.slimCopy(object(owner))
		if err != nil {
			t.Fatal(err)
		}
		o, ok := got.(*unstructured.Unstructured)
		if !ok || o.GetName() != "billy" || o.GetAnnotations()[kubebindv1alpha2.ClusterNamespaceAnnotation] != owner || o.GetManagedFields() != nil {
			t.Errorf("of %q's object this is left: %v", owner, got)
		}
		if (o.Object["spec"] != nil) != kept || (o.Object["status"] != nil) != kept {
			t.Errorf("of %q's object this is left: %v", owner, o.Object)
		}
	}
}
