// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	place        = "kube-bind-abc"
	cluster      = types.UID("cluster-1")
	otherCopyUID = types.UID("uid-of-the-copy")
)

func policy() Policy {
	return Policy{ContractNamespace: place, ConsumerCluster: cluster, Binding: "b1"}
}

func ready() Target {
	return Target{State: Ready, Key: types.NamespacedName{Namespace: place + "-ns", Name: "a"}}
}

// change is a modifier of a test object.
type change func(*unstructured.Unstructured)

// object is the live consumer object ns/a, without finalizer and without status.
func object(changes ...change) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.org/v1",
		"kind":       "Widget",
		"metadata":   map[string]any{"namespace": "ns", "name": "a", "uid": "uid-1", "resourceVersion": "7", "generation": int64(3)},
		"spec":       map[string]any{"size": int64(1), "colour": "red", "ports": []any{map[string]any{"name": "http"}}},
	}}
	for _, c := range changes {
		c(o)
	}
	return o
}

// copyOf is what the provider has after the plan for a consumer object was executed: made by the plan itself.
func copyOf(t testing.TB, consumer *unstructured.Unstructured, changes ...change) *unstructured.Unstructured {
	t.Helper()
	source := consumer.DeepCopy()
	source.SetDeletionTimestamp(nil)
	for _, a := range Object(Input{Consumer: source, Target: ready(), Policy: policy()}) {
		if a.Kind == Create {
			a.Object.SetUID(otherCopyUID)
			a.Object.SetResourceVersion("100")
			a.Object.SetGeneration(1)
			a.Object.SetCreationTimestamp(metav1.Unix(1, 0))
			for _, c := range changes {
				c(a.Object)
			}
			return a.Object
		}
	}
	t.Fatal("the plan for an object without a copy does not create one")
	return nil
}

func with(value any, path ...string) change {
	return func(o *unstructured.Unstructured) {
		if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
			panic(err)
		}
	}
}

func without(path ...string) change {
	return func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, path...) }
}

func status(phase string) change { return with(map[string]any{"phase": phase}, "status") }

func annotation(key, value string) change {
	return with(value, "metadata", "annotations", key)
}

func withoutAnnotation(key string) change { return without("metadata", "annotations", key) }

func label(key, value string) change { return with(value, "metadata", "labels", key) }

func finalizedBy(names ...string) change {
	return func(o *unstructured.Unstructured) { o.SetFinalizers(append(o.GetFinalizers(), names...)) }
}

func synced() change { return finalizedBy(kubebindv1alpha2.SyncerFinalizer) }

func carrier(binding string) change { return annotation(kubebindv1alpha2.CarriedByAnnotation, binding) }

func deleted() change {
	return func(o *unstructured.Unstructured) {
		now := metav1.Unix(1000, 0)
		o.SetDeletionTimestamp(&now)
	}
}

// marks of the provider object, by who put them there.
func unmarked() change {
	return func(o *unstructured.Unstructured) { o.SetAnnotations(nil) }
}

func ofOtherPlace() change {
	return annotation(kubebindv1alpha2.ClusterNamespaceAnnotation, "kube-bind-other")
}

func ofOtherCluster() change {
	return annotation(kubebindv1alpha2.ConsumerClusterAnnotation, "cluster-2")
}

func ofUpstream() change {
	return func(o *unstructured.Unstructured) {
		withoutAnnotation(kubebindv1alpha2.ConsumerClusterAnnotation)(o)
		withoutAnnotation(kubebindv1alpha2.AppliedHashAnnotation)(o)
	}
}

func ofUpstreamFor(uid string) change {
	return func(o *unstructured.Unstructured) {
		ofUpstream()(o)
		annotation(kubebindv1alpha2.ConsumerUIDAnnotation, uid)(o)
	}
}

// in one line: the actions of a plan, with reasons, and a mark at repairs.
func line(actions []Action) string {
	words := make([]string, 0, len(actions))
	for _, a := range actions {
		word := a.Kind.String()
		if a.Kind == Report {
			word += "(" + a.Reason + ")"
		}
		if a.Repair {
			word += "(repair)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// plan is the plan for an object whose target is ready.
func plan(in Input) []Action {
	in.Target, in.Policy = ready(), policy()
	return Object(in)
}

func find(t *testing.T, actions []Action, kind Kind) Action {
	t.Helper()
	for _, a := range actions {
		if a.Kind == kind {
			return a
		}
	}
	t.Fatalf("no %s in plan: %s", kind, line(actions))
	return Action{}
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(fmt.Errorf("marshalling: %w", err))
	}
	return string(data)
}
