// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
)

// Something at the provider insists on another value of a field that the consumer owns: it gets it back at a growing
// interval, and others do not wait for that.
func TestFightOverAFieldIsPaced(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "fight")
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "billy"))
	copied := expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "billy"))
	const window, most = 10 * time.Second, 12
	repairs := 0
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, window, true, func(ctx context.Context) (bool, error) {
		o, err := expect.Get(ctx, world.Provider, copied)
		if err != nil {
			return false, err
		}
		if spec, ok := o.Object["spec"].(map[string]any); ok && spec["intent"] == leak.Body {
			repairs++
			patch := []byte(`{"spec":{"intent":"fight ` + strconv.Itoa(repairs) + `"}}`)
			return false, world.Provider.Client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), client.FieldOwner("service"))
		}
		return false, nil
	})
	if !wait.Interrupted(err) {
		t.Fatal(err)
	}
	if repairs < 2 || repairs > most {
		t.Errorf("the field came back %d times in %s, want 2 to %d", repairs, window, most)
	}
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "other"))
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "other"))
}

// W23: what ends while the backend is away is cleared up once it is back; a request that it was killed over is answered.
func TestBackendAway(t *testing.T) {
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "cleared")
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "billy"))
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "billy"))
	if err := p.Backend().Kill(); err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	expect.Delete(t, p.Consumer, namespace)
	expect.Gone(t, p.Consumer, namespace)
	expect.Gone(t, p.Provider, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: ns}})
	request, err := p.CreateRequest(t.Context(), "late", "cowboys", "another-identity")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.StartBackend(); err != nil {
		t.Fatal(err)
	}
	expect.Gone(t, p.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place.Namespace + "-" + ns}})
	expect.Eventually(t, "the request should be answered", func(ctx context.Context) error {
		if err := p.Provider.Client.Get(ctx, keyOf(request), request); err != nil {
			return err
		}
		if request.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
			return fmt.Errorf("it is %s", request.Status.Phase)
		}
		return nil
	})
}
