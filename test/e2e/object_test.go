// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/pair"
)

// How long a test waits for something, and how often it looks.
const (
	timeout = 30 * time.Second
	tick    = 50 * time.Millisecond
)

// eventually waits until f returns nil, and fails with what it said last.
func eventually(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	last := errors.New("not tried")
	err := wait.PollUntilContextTimeout(t.Context(), tick, timeout, true, func(ctx context.Context) (bool, error) {
		last = f(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v (%v)", what, last, err)
	}
}

// never fails as soon as f returns an error, and ends after a while without one: for what must not happen.
func never(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	const while = 2 * time.Second
	err := wait.PollUntilContextTimeout(t.Context(), tick, while, true, func(ctx context.Context) (bool, error) {
		return false, f(ctx)
	})
	if !wait.Interrupted(err) {
		t.Fatalf("%s: %v", what, err)
	}
}

// namespace makes a consumer namespace for one test, which is deleted with it.
func namespace(t *testing.T, side *pair.Side, name string) string {
	t.Helper()
	if err := side.EnsureNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// there is where the copies of a consumer namespace are.
func there(namespace string) string { return world.place.Namespace + "-" + namespace }

type modifier func(*unstructured.Unstructured)

func cowboy(namespace, name string, modifiers ...modifier) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "wildwest.dev/v1alpha1",
		"kind":       "Cowboy",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       map[string]any{"intent": "ride"},
	}}
	for _, modify := range modifiers {
		modify(o)
	}
	return o
}

func set(value any, path ...string) modifier {
	return func(o *unstructured.Unstructured) { _ = unstructured.SetNestedField(o.Object, value, path...) }
}

func unset(path ...string) modifier {
	return func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, path...) }
}

func create(t *testing.T, side *pair.Side, o client.Object) {
	t.Helper()
	if err := side.Client.Create(t.Context(), o, client.FieldOwner(pair.FieldManager)); err != nil {
		t.Fatalf("creating %s: %v", o.GetName(), err)
	}
}

// change updates an object, again if somebody else was quicker.
func change(t *testing.T, side *pair.Side, like *unstructured.Unstructured, modifiers ...modifier) {
	t.Helper()
	eventually(t, "changing "+like.GetName(), func(ctx context.Context) error {
		o, err := get(ctx, side, like)
		if err != nil {
			return err
		}
		for _, modify := range modifiers {
			modify(o)
		}
		return side.Client.Update(ctx, o, client.FieldOwner(pair.FieldManager))
	})
}

func changeStatus(t *testing.T, side *pair.Side, like *unstructured.Unstructured, modifiers ...modifier) {
	t.Helper()
	eventually(t, "changing the status of "+like.GetName(), func(ctx context.Context) error {
		o, err := get(ctx, side, like)
		if err != nil {
			return err
		}
		for _, modify := range modifiers {
			modify(o)
		}
		return side.Client.Status().Update(ctx, o, client.FieldOwner("service"))
	})
}

func get(ctx context.Context, side *pair.Side, like *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(like.GroupVersionKind())
	return o, side.Client.Get(ctx, client.ObjectKeyFromObject(like), o)
}

// has waits until an object has a value at a path.
func has(t *testing.T, side *pair.Side, like *unstructured.Unstructured, want string, path ...string) *unstructured.Unstructured {
	t.Helper()
	var o *unstructured.Unstructured
	eventually(t, fmt.Sprintf("%s should have %q at %v", like.GetName(), want, path), func(ctx context.Context) (err error) {
		if o, err = get(ctx, side, like); err != nil {
			return err
		}
		if have, _, _ := unstructured.NestedString(o.Object, path...); have != want {
			return fmt.Errorf("it has %q", have)
		}
		return nil
	})
	return o
}

// lacks waits until an object has nothing at a path.
func lacks(t *testing.T, side *pair.Side, like *unstructured.Unstructured, path ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s should have nothing at %v", like.GetName(), path), func(ctx context.Context) error {
		o, err := get(ctx, side, like)
		if err != nil {
			return err
		}
		if have, found, _ := unstructured.NestedFieldNoCopy(o.Object, path...); found {
			return fmt.Errorf("it has %v", have)
		}
		return nil
	})
}

func exists(t *testing.T, side *pair.Side, like *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	var o *unstructured.Unstructured
	eventually(t, like.GetName()+" should be there", func(ctx context.Context) (err error) {
		o, err = get(ctx, side, like)
		return err
	})
	return o
}

func gone(t *testing.T, side *pair.Side, like client.Object) {
	t.Helper()
	eventually(t, like.GetName()+" should be gone", func(ctx context.Context) error {
		o := like.DeepCopyObject().(client.Object)
		err := side.Client.Get(ctx, client.ObjectKeyFromObject(like), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it has finalizers %v: %w", o.GetFinalizers(), err)
	})
}

func remove(t *testing.T, side *pair.Side, o client.Object) {
	t.Helper()
	if err := side.Client.Delete(t.Context(), o); err != nil {
		t.Fatalf("deleting %s: %v", o.GetName(), err)
	}
}

// event waits for an Event about an object, and returns its message.
func event(t *testing.T, side *pair.Side, about client.Object, reason string) string {
	t.Helper()
	var message string
	eventually(t, fmt.Sprintf("there should be an Event %s about %s", reason, about.GetName()), func(ctx context.Context) error {
		events := &corev1.EventList{}
		if err := side.Client.List(ctx, events); err != nil {
			return err
		}
		i := slices.IndexFunc(events.Items, func(e corev1.Event) bool {
			return e.Reason == reason && e.InvolvedObject.Name == about.GetName() && e.InvolvedObject.Namespace == about.GetNamespace()
		})
		if i < 0 {
			return fmt.Errorf("none of %d is", len(events.Items))
		}
		message = events.Items[i].Message
		return nil
	})
	return message
}

// bindingHas waits for a condition of a binding.
func bindingHas(t *testing.T, name, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	b, err := world.WaitBinding(ctx, name, conditionType, status, reason)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
