// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/test/expect"
)

// etcdLimit is the size of the largest request that etcd takes unless told otherwise.
const etcdLimit = 1536 * 1024

// An object that fits as its user wrote it, and does not with what a syncer must add: its owner is told, others go on, and
// it can be deleted.
func TestTooLargeObjectIsReported(t *testing.T) {
	t.Parallel()
	ns := expect.Namespace(t, world.Consumer, "large")
	here := expect.Cowboy(ns, "large")
	const step = 50
	for size := etcdLimit; ; size -= step {
		expect.Set(strings.Repeat("x", size), "spec", "intent")(here)
		if err := world.Consumer.Client.Create(t.Context(), here.DeepCopy()); err == nil {
			break
		} else if !strings.Contains(err.Error(), "too large") {
			t.Fatal(err)
		}
	}
	expect.Eventually(t, "there should be an Event that says why", func(ctx context.Context) error {
		events := &corev1.EventList{}
		if err := world.Consumer.Client.List(ctx, events, client.InNamespace(ns)); err != nil {
			return err
		}
		told := slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
			return (e.Reason == sync.ReasonRejected || e.Reason == sync.ReasonConsumerRejected) && strings.Contains(e.Message, "too large")
		})
		if !told {
			return fmt.Errorf("there are %d others: %w", len(events.Items), errors.New("none says so"))
		}
		return nil
	})
	expect.Create(t, world.Consumer, expect.Cowboy(ns, "small"))
	expect.Exists(t, world.Provider, expect.Cowboy(there(ns), "small"))
	expect.Delete(t, world.Consumer, here)
	expect.Gone(t, world.Consumer, here)
}
