// SPDX-License-Identifier: Apache-2.0

package expect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

// Timeout is when a test stops waiting for something: a limit for what hangs, as a kcp takes 5 s to serve an API that a workspace
// binds, and ten times that on a busy machine.
const Timeout = 3 * time.Minute

const tick = 50 * time.Millisecond

// Eventually waits until f returns nil, and fails with what it said last.
func Eventually(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	last := errors.New("not tried")
	err := wait.PollUntilContextTimeout(t.Context(), tick, Timeout, true, func(ctx context.Context) (bool, error) {
		err := f(ctx)
		if err == nil || ctx.Err() == nil { // an attempt that the end cut short says nothing
			last = err
		}
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v (%v)", what, last, err)
	}
}

// Never fails as soon as f returns an error, and ends after a while without one: for what must not happen.
func Never(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	const while = 2 * time.Second
	err := wait.PollUntilContextTimeout(t.Context(), tick, while, true, func(ctx context.Context) (bool, error) {
		return false, f(ctx)
	})
	if !wait.Interrupted(err) {
		t.Fatalf("%s: %v", what, err)
	}
}

// Namespace makes a namespace for one test.
func Namespace(t *testing.T, side *pair.Side, name string) string {
	t.Helper()
	if err := side.EnsureNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Modifier changes an object.
type Modifier func(*unstructured.Unstructured)

// Cowboy is an object of the example API, changed by modifiers.
func Cowboy(namespace, name string, modifiers ...Modifier) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "wildwest.dev/v1alpha1",
		"kind":       "Cowboy",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       map[string]any{"intent": leak.Body},
	}}
	for _, modify := range modifiers {
		modify(o)
	}
	return o
}

// Set sets a field.
func Set(value any, path ...string) Modifier {
	return func(o *unstructured.Unstructured) { _ = unstructured.SetNestedField(o.Object, value, path...) }
}

// Unset removes a field.
func Unset(path ...string) Modifier {
	return func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, path...) }
}

// Create creates an object as its user would.
func Create(t *testing.T, side *pair.Side, o client.Object) {
	t.Helper()
	if err := side.Client.Create(t.Context(), o, client.FieldOwner(pair.FieldManager)); err != nil {
		t.Fatalf("creating %s: %v", o.GetName(), err)
	}
}

// Change updates an object, again if somebody else was quicker.
func Change(t *testing.T, side *pair.Side, like *unstructured.Unstructured, modifiers ...Modifier) {
	t.Helper()
	Eventually(t, "changing "+like.GetName(), func(ctx context.Context) error {
		o, err := Get(ctx, side, like)
		if err != nil {
			return err
		}
		for _, modify := range modifiers {
			modify(o)
		}
		return side.Client.Update(ctx, o, client.FieldOwner(pair.FieldManager))
	})
}

// ChangeStatus updates the status of an object, as the service would.
func ChangeStatus(t *testing.T, side *pair.Side, like *unstructured.Unstructured, modifiers ...Modifier) {
	t.Helper()
	Eventually(t, "changing the status of "+like.GetName(), func(ctx context.Context) error {
		o, err := Get(ctx, side, like)
		if err != nil {
			return err
		}
		for _, modify := range modifiers {
			modify(o)
		}
		return side.Client.Status().Update(ctx, o, client.FieldOwner("service"))
	})
}

// Get reads an object as it is now.
func Get(ctx context.Context, side *pair.Side, like *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(like.GroupVersionKind())
	return o, side.Client.Get(ctx, client.ObjectKeyFromObject(like), o)
}

// Has waits until an object has a value at a path.
func Has(t *testing.T, side *pair.Side, like *unstructured.Unstructured, want string, path ...string) *unstructured.Unstructured {
	t.Helper()
	var o *unstructured.Unstructured
	Eventually(t, fmt.Sprintf("%s should have %q at %v", like.GetName(), want, path), func(ctx context.Context) (err error) {
		if o, err = Get(ctx, side, like); err != nil {
			return err
		}
		if have, _, _ := unstructured.NestedString(o.Object, path...); have != want {
			return fmt.Errorf("it has %q", have)
		}
		return nil
	})
	return o
}

// SameStatus waits until what a consumer sees has the very status that the provider has given it, which must be one.
func SameStatus(t *testing.T, provider *pair.Side, there *unstructured.Unstructured, consumer *pair.Side, here *unstructured.Unstructured) {
	t.Helper()
	Eventually(t, "the status should come down", func(ctx context.Context) error {
		said, saidErr := Get(ctx, provider, there)
		seen, err := Get(ctx, consumer, here)
		if err := errors.Join(saidErr, err); err != nil {
			return err
		}
		if said.Object["status"] == nil || !equality.Semantic.DeepEqual(seen.Object["status"], said.Object["status"]) {
			return fmt.Errorf("it is %v, not %v", seen.Object["status"], said.Object["status"])
		}
		return nil
	})
}

// Lacks waits until an object has nothing at a path.
func Lacks(t *testing.T, side *pair.Side, like *unstructured.Unstructured, path ...string) {
	t.Helper()
	Eventually(t, fmt.Sprintf("%s should have nothing at %v", like.GetName(), path), func(ctx context.Context) error {
		o, err := Get(ctx, side, like)
		if err != nil {
			return err
		}
		if have, found, _ := unstructured.NestedFieldNoCopy(o.Object, path...); found {
			return fmt.Errorf("it has %v", have)
		}
		return nil
	})
}

// Exists waits until an object is there, and returns it.
func Exists(t *testing.T, side *pair.Side, like *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	var o *unstructured.Unstructured
	Eventually(t, like.GetName()+" should be there", func(ctx context.Context) (err error) {
		o, err = Get(ctx, side, like)
		return err
	})
	return o
}

// Gone waits until an object is not there any more.
func Gone(t *testing.T, side *pair.Side, like client.Object) {
	t.Helper()
	Eventually(t, like.GetName()+" should be gone", func(ctx context.Context) error {
		o := like.DeepCopyObject().(client.Object)
		err := side.Client.Get(ctx, client.ObjectKeyFromObject(like), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it has finalizers %v: %w", o.GetFinalizers(), err)
	})
}

// Delete deletes an object.
func Delete(t *testing.T, side *pair.Side, o client.Object) {
	t.Helper()
	if err := side.Client.Delete(t.Context(), o); err != nil {
		t.Fatalf("deleting %s: %v", o.GetName(), err)
	}
}

// Event waits for an Event about an object, and returns its message.
func Event(t *testing.T, side *pair.Side, about client.Object, reason string) string {
	t.Helper()
	var message string
	Eventually(t, fmt.Sprintf("there should be an Event %s about %s", reason, about.GetName()), func(ctx context.Context) error {
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
