// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// stays shows that something holds for a while, by looking again and again.
func stays(t *testing.T, while time.Duration, what string, f func(ctx context.Context) error) {
	t.Helper()
	const tick = 100 * time.Millisecond
	err := wait.PollUntilContextTimeout(t.Context(), tick, while, true, func(ctx context.Context) (bool, error) {
		return false, f(ctx)
	})
	if !wait.Interrupted(err) {
		t.Fatalf("%s: %v", what, err)
	}
}

// rests shows that an object is written at most a few times in a while.
func rests(t *testing.T, side *pair.Side, like client.Object, while time.Duration, most int) {
	t.Helper()
	versions := sets.New[string]()
	stays(t, while, like.GetName()+" must be left alone", func(ctx context.Context) error {
		o := like.DeepCopyObject().(client.Object)
		if err := side.Client.Get(ctx, keyOf(like), o); err != nil {
			return err
		}
		versions.Insert(o.GetResourceVersion())
		if len(versions) > 1+most {
			return fmt.Errorf("it was written %d times: %+v", len(versions)-1, o)
		}
		return nil
	})
}

// sameObjects waits until every cowboy of a consumer namespace has its one copy in the provider's, and there are no
// others on either side.
func sameObjects(t *testing.T, p *pair.Pair, ns, providerNS string) {
	t.Helper()
	expect.Eventually(t, "both sides should have the same objects", func(ctx context.Context) error {
		here, err := cowboys(ctx, p.Consumer, ns)
		if err != nil {
			return err
		}
		copies, err := cowboys(ctx, p.Provider, providerNS)
		if err != nil {
			return err
		}
		var errs []error
		for name, o := range here {
			errs = append(errs, isCopy(o, copies[name]))
			delete(copies, name)
		}
		for name := range copies {
			errs = append(errs, fmt.Errorf("the copy %s is left over", name))
		}
		return errors.Join(errs...)
	})
}

func cowboys(ctx context.Context, side *pair.Side, ns string) (map[string]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(expect.Cowboy("", "").GroupVersionKind())
	if err := side.Client.List(ctx, list, client.InNamespace(ns)); err != nil {
		return nil, err
	}
	out := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		out[list.Items[i].GetName()] = &list.Items[i]
	}
	return out, nil
}

func isCopy(o, copied *unstructured.Unstructured) error {
	switch {
	case o.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s is still being deleted, with finalizers %v", o.GetName(), o.GetFinalizers())
	case copied == nil:
		return fmt.Errorf("%s has no copy", o.GetName())
	case copied.GetAnnotations()[kubebindv1alpha2.ConsumerUIDAnnotation] != string(o.GetUID()):
		return fmt.Errorf("the copy %s is that of another object", o.GetName())
	case !equality.Semantic.DeepEqual(o.Object["spec"], copied.Object["spec"]):
		return fmt.Errorf("%s has the spec %v, its copy %v", o.GetName(), o.Object["spec"], copied.Object["spec"])
	case !equality.Semantic.DeepEqual(o.Object["status"], copied.Object["status"]):
		return fmt.Errorf("%s has the status %v, its copy %v", o.GetName(), o.Object["status"], copied.Object["status"])
	}
	return nil
}
