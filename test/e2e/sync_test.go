// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

func TestObjectGoesUpAndStatusComesDown(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "round-trip")
	here, copied := cowboy(ns, "billy"), cowboy(there(ns), "billy")
	create(t, world.Consumer, here.DeepCopy())
	has(t, world.Provider, copied, "ride", "spec", "intent")

	changeStatus(t, world.Provider, copied, set("safe", "status", "result"))
	has(t, world.Consumer, here, "safe", "status", "result")
	changeStatus(t, world.Provider, copied, set("lost", "status", "result"))
	has(t, world.Consumer, here, "lost", "status", "result")
	changeStatus(t, world.Provider, copied, unset("status"))
	lacks(t, world.Consumer, here, "status", "result")

	change(t, world.Consumer, here, set("rest", "spec", "intent"))
	has(t, world.Provider, copied, "rest", "spec", "intent")

	remove(t, world.Consumer, here)
	gone(t, world.Consumer, here)
	gone(t, world.Provider, copied)
}

// W46: what is beside spec follows as well; what is ours, kubectl's or the API server's does not.
func TestW46LabelsAndAnnotationsFollow(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "labels")
	here, copied := cowboy(ns, "billy"), cowboy(there(ns), "billy")
	create(t, world.Consumer, cowboy(ns, "billy", func(o *unstructured.Unstructured) {
		o.SetLabels(map[string]string{"team": "a", "example.org/x": "1"})
		o.SetAnnotations(map[string]string{
			"note": "hello", "kubectl.kubernetes.io/last-applied-configuration": "{}", "kube-bind.io/provider-uid": "x",
		})
	}))
	o := has(t, world.Provider, copied, "a", "metadata", "labels", "team")
	annotations := o.GetAnnotations()
	if annotations["note"] != "hello" || o.GetLabels()["example.org/x"] != "1" {
		t.Errorf("labels %v and annotations %v did not follow", o.GetLabels(), annotations)
	}
	for _, key := range []string{"kubectl.kubernetes.io/last-applied-configuration", "kube-bind.io/provider-uid"} {
		if _, found := annotations[key]; found {
			t.Errorf("annotation %s went up", key)
		}
	}
	if annotations[kubebindv1alpha2.ClusterNamespaceAnnotation] != world.place.Namespace || annotations[kubebindv1alpha2.ConsumerNamespaceAnnotation] != ns {
		t.Errorf("marks are %v", annotations)
	}
	change(t, world.Consumer, here, set("b", "metadata", "labels", "team"), unset("metadata", "annotations", "note"))
	has(t, world.Provider, copied, "b", "metadata", "labels", "team")
	lacks(t, world.Provider, copied, "metadata", "annotations", "note")
}

// W5: a field that is removed in the consumer vanishes, and what others added on the provider stays.
func TestW5RemovedFieldVanishesAddedFieldStays(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "fields")
	here, copied := cowboy(ns, "billy"), cowboy(there(ns), "billy")
	create(t, world.Consumer, cowboy(ns, "billy", set("service", "metadata", "labels", "by")))
	exists(t, world.Provider, copied)
	change(t, world.Provider, copied, set("x", "metadata", "labels", "provider-side"))
	change(t, world.Consumer, here, unset("spec", "intent"), unset("metadata", "labels", "by"))
	lacks(t, world.Provider, copied, "spec", "intent")
	lacks(t, world.Provider, copied, "metadata", "labels", "by")
	has(t, world.Provider, copied, "x", "metadata", "labels", "provider-side")
}

func TestProviderDriftIsRepaired(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "drift")
	create(t, world.Consumer, cowboy(ns, "billy"))
	copied := exists(t, world.Provider, cowboy(there(ns), "billy"))
	change(t, world.Provider, copied, set("sabotage", "spec", "intent"))
	has(t, world.Provider, copied, "ride", "spec", "intent")
}

func TestCopyDeletedAtTheProviderIsMadeAgain(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "again")
	create(t, world.Consumer, cowboy(ns, "billy"))
	copied := exists(t, world.Provider, cowboy(there(ns), "billy"))
	remove(t, world.Provider, copied)
	eventually(t, "a new copy should be there", func(ctx context.Context) error {
		o, err := get(ctx, world.Provider, copied)
		if err == nil && o.GetUID() == copied.GetUID() {
			return errors.New("it is the old one")
		}
		return err
	})
}

// W20: the consumer object stays as long as its copy does.
func TestW20ObjectWaitsForItsCopy(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "held")
	here, copied := cowboy(ns, "billy"), cowboy(there(ns), "billy")
	create(t, world.Consumer, here.DeepCopy())
	exists(t, world.Provider, copied)
	change(t, world.Provider, copied, func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"service.example.org/clean-up"}) })
	remove(t, world.Consumer, here)
	eventually(t, "the copy should be terminating", func(ctx context.Context) error {
		o, err := get(ctx, world.Provider, copied)
		if err == nil && o.GetDeletionTimestamp() == nil {
			return errors.New("it is not")
		}
		return err
	})
	never(t, "the object must wait", func(ctx context.Context) error {
		_, err := get(ctx, world.Consumer, here)
		return err
	})
	change(t, world.Provider, copied, func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
	gone(t, world.Provider, copied)
	gone(t, world.Consumer, here)
}

// W10, W45: an object of somebody else is reported, and never touched.
func TestW45ConflictIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "conflict")
	// The first object makes the provider's namespace.
	create(t, world.Consumer, cowboy(ns, "first"))
	exists(t, world.Provider, cowboy(there(ns), "first"))
	foreign := cowboy(there(ns), "billy", set("not yours", "spec", "intent"))
	create(t, world.Provider, foreign)
	here := cowboy(ns, "billy")
	create(t, world.Consumer, here.DeepCopy())
	if message := event(t, world.Consumer, here, plan.ReasonConflict); !strings.Contains(message, "left alone") {
		t.Errorf("the Event says %q", message)
	}
	eventually(t, "the binding should count it", func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBinding{}
		if err := world.Consumer.Client.Get(ctx, client.ObjectKey{Name: "cowboys"}, b); err != nil {
			return err
		}
		c := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionObjectsInSync)
		if c == nil || c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, plan.ReasonConflict) {
			return fmt.Errorf("it says %+v", c)
		}
		if !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionReady) {
			return errors.New("one object made it unready")
		}
		return nil
	})
	o := exists(t, world.Provider, foreign)
	if o.GetResourceVersion() != foreign.GetResourceVersion() {
		t.Error("the foreign object was written to")
	}
	// Neither does deleting ours delete theirs, nor does it wait for anything.
	remove(t, world.Consumer, here)
	gone(t, world.Consumer, here)
	never(t, "the foreign object must stay", func(ctx context.Context) error {
		_, err := get(ctx, world.Provider, foreign)
		return err
	})
	create(t, world.Consumer, here.DeepCopy())
	remove(t, world.Provider, foreign)
	has(t, world.Provider, cowboy(there(ns), "billy"), "ride", "spec", "intent")
}

// W21: what the provider's own controllers make of the type is theirs.
func TestW21ProvidersOwnObjectsStay(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "operators")
	create(t, world.Consumer, cowboy(ns, "first"))
	exists(t, world.Provider, cowboy(there(ns), "first"))
	own := cowboy(there(ns), "providers-own")
	create(t, world.Provider, own)
	never(t, "it must stay", func(ctx context.Context) error {
		_, err := get(ctx, world.Provider, own)
		return err
	})
	if _, err := get(t.Context(), world.Consumer, cowboy(ns, "providers-own")); err == nil {
		t.Error("it appeared in the consumer")
	}
}

func TestRecreatedObjectIsSynced(t *testing.T) {
	t.Parallel()
	ns := namespace(t, world.Consumer, "recreated")
	here, copied := cowboy(ns, "billy"), cowboy(there(ns), "billy")
	for i := range 3 {
		intent := fmt.Sprintf("ride %d", i)
		create(t, world.Consumer, cowboy(ns, "billy", set(intent, "spec", "intent")))
		has(t, world.Provider, copied, intent, "spec", "intent")
		remove(t, world.Consumer, here)
		gone(t, world.Consumer, here)
		gone(t, world.Provider, copied)
	}
}

// A consumer namespace takes its provider namespace along, and nothing else.
func TestConsumerNamespaceGoes(t *testing.T) {
	t.Parallel()
	ns, other := namespace(t, world.Consumer, "going"), namespace(t, world.Consumer, "staying")
	for _, n := range []string{ns, other} {
		create(t, world.Consumer, cowboy(n, "billy"))
		exists(t, world.Provider, cowboy(there(n), "billy"))
	}
	remove(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	gone(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	gone(t, world.Provider, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: world.place.Namespace, Name: ns}})
	gone(t, world.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there(ns)}})
	exists(t, world.Provider, cowboy(there(other), "billy"))
	// It can come back at once.
	namespace(t, world.Consumer, ns)
	create(t, world.Consumer, cowboy(ns, "billy"))
	exists(t, world.Provider, cowboy(there(ns), "billy"))
}

// W8: a name that is too long is that namespace's affair alone.
func TestW8LongNamespaceIsReported(t *testing.T) {
	t.Parallel()
	long := namespace(t, world.Consumer, strings.Repeat("long", 15))
	here := cowboy(long, "billy")
	create(t, world.Consumer, here)
	if message := event(t, world.Consumer, here, kubebindv1alpha2.ReasonNameTooLong); message == "" {
		t.Error("the Event says nothing")
	}
	ns := namespace(t, world.Consumer, "short")
	create(t, world.Consumer, cowboy(ns, "billy"))
	exists(t, world.Provider, cowboy(there(ns), "billy"))
	remove(t, world.Consumer, here)
	gone(t, world.Consumer, here)
}
