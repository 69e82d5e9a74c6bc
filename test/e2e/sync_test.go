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
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
)

func TestObjectGoesUpAndStatusComesDown(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "round-trip")
	here, copied := expect.Cowboy(ns, "billy"), expect.Cowboy(there(ns), "billy")
	expect.Create(t, world.Consumer, here.DeepCopy())
	expect.Has(t, world.Provider, copied, leak.Body, "spec", "intent")

	expect.ChangeStatus(t, world.Provider, copied, expect.Set("safe", "status", "result"))
	expect.Has(t, world.Consumer, here, "safe", "status", "result")
	expect.ChangeStatus(t, world.Provider, copied, expect.Set("lost", "status", "result"))
	expect.Has(t, world.Consumer, here, "lost", "status", "result")
	expect.ChangeStatus(t, world.Provider, copied, expect.Unset("status"))
	expect.Lacks(t, world.Consumer, here, "status", "result")

	expect.Change(t, world.Consumer, here, expect.Set("rest", "spec", "intent"))
	expect.Has(t, world.Provider, copied, "rest", "spec", "intent")

	expect.Delete(t, world.Consumer, here)
	expect.Gone(t, world.Consumer, here)
	expect.Gone(t, world.Provider, copied)
}

// W46: what is beside spec follows as well; what is ours, kubectl's or the API server's does not.
func TestW46LabelsAndAnnotationsFollow(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "labels")
	here, copied := expect.Cowboy(ns, "billy"), expect.Cowboy(there(ns), "billy")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy", func(o *unstructured.Unstructured) {
		o.SetLabels(map[string]string{"team": "a", "example.org/x": "1"})
		o.SetAnnotations(map[string]string{
			"note": "hello", "kubectl.kubernetes.io/last-applied-configuration": "{}", "kube-bind.io/provider-uid": "x",
		})
	}))
	o := expect.Has(t, world.Provider, copied, "a", "metadata", "labels", "team")
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
	expect.Change(t, world.Consumer, here, expect.Set("b", "metadata", "labels", "team"), expect.Unset("metadata", "annotations", "note"))
	expect.Has(t, world.Provider, copied, "b", "metadata", "labels", "team")
	expect.Lacks(t, world.Provider, copied, "metadata", "annotations", "note")
}

// W5: a field that is removed in the consumer vanishes, and what others added on the provider stays.
func TestW5RemovedFieldVanishesAddedFieldStays(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "fields")
	here, copied := expect.Cowboy(ns, "billy"), expect.Cowboy(there(ns), "billy")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy", expect.Set("service", "metadata", "labels", "by")))
	expect.Exists(t, world.Provider, copied)
	expect.Change(t, world.Provider, copied, expect.Set("x", "metadata", "labels", "provider-side"))
	expect.Change(t, world.Consumer, here, expect.Unset("spec", "intent"), expect.Unset("metadata", "labels", "by"))
	expect.Lacks(t, world.Provider, copied, "spec", "intent")
	expect.Lacks(t, world.Provider, copied, "metadata", "labels", "by")
	expect.Has(t, world.Provider, copied, "x", "metadata", "labels", "provider-side")
}

func TestProviderDriftIsRepaired(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "drift")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy"))
	copied := expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "billy"))
	expect.Change(t, world.Provider, copied, expect.Set("sabotage", "spec", "intent"))
	expect.Has(t, world.Provider, copied, leak.Body, "spec", "intent")
}

func TestCopyDeletedAtTheProviderIsMadeAgain(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "again")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy"))
	copied := expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "billy"))
	expect.Delete(t, world.Provider, copied)
	expect.Eventually(t, "a new copy should be there", func(ctx context.Context) error {
		o, err := expect.Get(ctx, world.Provider, copied)
		if err == nil && o.GetUID() == copied.GetUID() {
			return errors.New("it is the old one")
		}
		return err
	})
}

// W20: the consumer object stays as long as its copy does.
func TestW20ObjectWaitsForItsCopy(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "held")
	here, copied := expect.Cowboy(ns, "billy"), expect.Cowboy(there(ns), "billy")
	expect.Create(t, world.Consumer, here.DeepCopy())
	expect.Exists(t, world.Provider, copied)
	expect.Change(t, world.Provider, copied, func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"service.example.org/clean-up"}) })
	expect.Delete(t, world.Consumer, here)
	expect.Eventually(t, "the copy should be terminating", func(ctx context.Context) error {
		o, err := expect.Get(ctx, world.Provider, copied)
		if err == nil && o.GetDeletionTimestamp() == nil {
			return errors.New("it is not")
		}
		return err
	})
	expect.Never(t, "the object must wait", func(ctx context.Context) error {
		_, err := expect.Get(ctx, world.Consumer, here)
		return err
	})
	expect.Change(t, world.Provider, copied, func(o *unstructured.Unstructured) { o.SetFinalizers(nil) })
	expect.Gone(t, world.Provider, copied)
	expect.Gone(t, world.Consumer, here)
}

// W10, W45: an object of somebody else is reported, and never touched.
func TestW45ConflictIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "conflict")
	// The first object makes the provider's namespace.
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "first"))
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "first"))
	foreign := expect.Cowboy(there(ns), "billy", expect.Set("not yours", "spec", "intent"))
	expect.Create(t, world.Provider, foreign)
	here := expect.Cowboy(ns, "billy")
	expect.Create(t, world.Consumer, here.DeepCopy())
	if message := expect.Event(t, world.Consumer, here, plan.ReasonConflict); !strings.Contains(message, "left alone") {
		t.Errorf("the Event says %q", message)
	}
	expect.Eventually(t, "the binding should count it", func(ctx context.Context) error {
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
	o := expect.Exists(t, world.Provider, foreign)
	if o.GetResourceVersion() != foreign.GetResourceVersion() {
		t.Error("the foreign object was written to")
	}
	// Neither does deleting ours delete theirs, nor does it wait for anything.
	expect.Delete(t, world.Consumer, here)
	expect.Gone(t, world.Consumer, here)
	expect.Never(t, "the foreign object must stay", func(ctx context.Context) error {
		_, err := expect.Get(ctx, world.Provider, foreign)
		return err
	})
	expect.Create(t, world.Consumer, here.DeepCopy())
	expect.Delete(t, world.Provider, foreign)
	expect.Has(t, world.Provider, expect.Cowboy(there(ns), "billy"), leak.Body, "spec", "intent")
}

// W21: what the provider's own controllers make of the type is theirs.
func TestW21ProvidersOwnObjectsStay(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "operators")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "first"))
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "first"))
	own := expect.Cowboy(there(ns), "providers-own")
	expect.Create(t, world.Provider, own)
	expect.Never(t, "it must stay", func(ctx context.Context) error {
		_, err := expect.Get(ctx, world.Provider, own)
		return err
	})
	if _, err := expect.Get(t.Context(), world.Consumer, expect.Cowboy(ns, "providers-own")); err == nil {
		t.Error("it appeared in the consumer")
	}
}

func TestRecreatedObjectIsSynced(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "recreated")
	here, copied := expect.Cowboy(ns, "billy"), expect.Cowboy(there(ns), "billy")
	for i := range 3 {
		intent := fmt.Sprintf("ride %d", i)
		expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy", expect.Set(intent, "spec", "intent")))
		expect.Has(t, world.Provider, copied, intent, "spec", "intent")
		expect.Delete(t, world.Consumer, here)
		expect.Gone(t, world.Consumer, here)
		expect.Gone(t, world.Provider, copied)
	}
}

// A consumer namespace takes its provider namespace along, and nothing else.
func TestConsumerNamespaceGoes(t *testing.T) {
	t.Parallel()
	ns, other := expect.Namespace(t, world.Consumer, "going"), expect.Namespace(t, world.Consumer, "staying")
	for _, n := range []string{ns, other} {
		expect.Create(t, world.Consumer, expect.Cowboy(n, "billy"))
		expect.Exists(t, world.Provider, expect.Cowboy(there(n), "billy"))
	}
	expect.Delete(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	expect.Gone(t, world.Consumer, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	expect.Gone(t, world.Provider, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: world.place.Namespace, Name: ns}})
	expect.Gone(t, world.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there(ns)}})
	expect.Exists(t, world.Provider, expect.Cowboy(there(other), "billy"))
	// It can come back at once.
	expect.Namespace(t, world.Consumer, ns)
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy"))
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "billy"))
}

// The namespace default is the consumer's like any other, also where the provider's cluster has one of its own.
func TestDefaultNamespace(t *testing.T) {
	t.Parallel()
	here, copied := expect.Cowboy("default", "billy"), expect.Cowboy(there("default"), "billy")
	expect.Create(t, world.Consumer, here.DeepCopy())
	expect.Has(t, world.Provider, copied, leak.Body, "spec", "intent")
	expect.Delete(t, world.Consumer, here)
	expect.Gone(t, world.Provider, copied)
}

// W8: a name that is too long is that namespace's affair alone. No name is where names stay what they are.
func TestW8LongNamespaceIsReported(t *testing.T) {
	t.Parallel()
	long := expect.Namespace(t, world.Consumer, strings.Repeat("long", 15))
	here := expect.Cowboy(long, "billy")
	expect.Create(t, world.Consumer, here)
	if world.place.Own {
		expect.Exists(t, world.Provider, expect.Cowboy(there(long), "billy"))
	} else if message := expect.Event(t, world.Consumer, here, kubebindv1alpha2.ReasonNameTooLong); message == "" {
		t.Error("the Event says nothing")
	}
	ns := expect.Namespace(t, world.Consumer, "short")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy"))
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "billy"))
	expect.Delete(t, world.Consumer, here)
	expect.Gone(t, world.Consumer, here)
}
