// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

func keyOf(o client.Object) client.ObjectKey { return client.ObjectKeyFromObject(o) }

// there is where the copies of a consumer namespace are.
func there(namespace string) string { return world.place.Namespace + "-" + namespace }

// bindingHas waits for a condition of a binding of the shared pair.
func bindingHas(t *testing.T, name, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	return waitBinding(t, world.Pair, name, conditionType, status, reason)
}

func waitBinding(t *testing.T, p *pair.Pair, name, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	b, err := p.WaitBinding(ctx, name, conditionType, status, reason)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// says is the message of a condition.
func says(b *kubebindv1alpha2.APIServiceBinding, conditionType string) string {
	if c := kubebindv1alpha2.FindCondition(b.Status.Conditions, conditionType); c != nil {
		return c.Message
	}
	return ""
}

// ownPair is a bound pair for one test.
func ownPair(t *testing.T, backendArgs ...string) (*pair.Pair, *pair.Place) {
	t.Helper()
	p, place, err := pair.StartBound(t.Context(), pair.Options{LogDir: t.TempDir(), Bin: world.Bin(), BackendArgs: backendArgs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the konnector's log:\n%s", p.Konnector().LogTail(20))
			t.Logf("end of the backend's log:\n%s", p.Backend().LogTail(20))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p, place
}

// api is a variant of the example API that one test has for itself in the shared pair.
type api struct{ plural, kind string }

func bindAPI(t *testing.T, plural string) api {
	t.Helper()
	kind, err := world.BindVariant(t.Context(), plural)
	if err != nil {
		t.Fatal(err)
	}
	return api{plural, kind}
}

// object is a consumer's, or the copy of one.
func (a api) object(namespace, name string, modifiers ...expect.Modifier) *unstructured.Unstructured {
	o := expect.Cowboy(namespace, name, modifiers...)
	o.SetKind(a.kind)
	return o
}

// writes counts what was written of a resource on one side until now.
func writes(t *testing.T, side *pair.Side, resource string) int {
	t.Helper()
	r, err := pair.CountRequests(t.Context(), side, resource)
	if err != nil {
		t.Fatal(err)
	}
	return r.Writes()
}

func finalizers(names ...string) expect.Modifier {
	return func(o *unstructured.Unstructured) { o.SetFinalizers(names) }
}
