// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
)

// An object that the provider refuses is its owner's affair: they are told why, others go on, the provider is not flooded,
// and it goes up once it may.
func TestRefusedObjectIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	outlaws := bindAPI(t, "outlaws")
	ns := expect.Namespace(t, world.Consumer, "refused")
	expect.Create(t, world.Consumer, outlaws.object(ns, "first"))
	expect.Exists(t, world.Provider, outlaws.object(there(ns), "first"))
	noJesse := policy{"no-jesse", "wildwest.dev", "outlaws", "CREATE", "object.metadata.name != 'jesse'"}
	probe := dryCreate(world.Provider, outlaws.object("default", "jesse"))
	noJesse.put(t, world.Provider, probe)
	jesse := outlaws.object(ns, "jesse")
	expect.Create(t, world.Consumer, jesse.DeepCopy())
	if message := expect.Event(t, world.Consumer, jesse, sync.ReasonRejected); !strings.Contains(message, denial) {
		t.Errorf("the Event does not repeat the provider's words: %q", message)
	}
	b := bindingHas(t, outlaws.plural, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonObjectsFailing)
	if message := says(b, kubebindv1alpha2.ConditionObjectsInSync); !strings.Contains(message, "1 "+sync.ReasonRejected) {
		t.Errorf("the condition says %q", message)
	}
	bindingHas(t, outlaws.plural, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")

	const window, most = 8 * time.Second, 9
	before := writes(t, world.Provider, outlaws.plural)
	others := 0
	err := wait.PollUntilContextTimeout(t.Context(), time.Second, window, true, func(context.Context) (bool, error) {
		name := fmt.Sprintf("other-%d", others)
		expect.Create(t, world.Consumer, outlaws.object(ns, name))
		expect.Exists(t, world.Provider, outlaws.object(there(ns), name))
		others++
		return false, nil
	})
	if !wait.Interrupted(err) {
		t.Fatal(err)
	}
	if tried := writes(t, world.Provider, outlaws.plural) - before - others; tried > most {
		t.Errorf("the object was tried %d times in %s, want %d at most", tried, window, most)
	}
	noJesse.lift(t, world.Provider, probe)
	// It heals by itself: the next try is not yet far away.
	expect.Has(t, world.Provider, outlaws.object(there(ns), "jesse"), leak.Body, "spec", "intent")
	bindingHas(t, outlaws.plural, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionTrue, "")
}

// A change that the provider refuses leaves the copy as it was; one that is refused no more goes up at once.
func TestRefusedChangeIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	gamblers := bindAPI(t, "gamblers")
	ns := expect.Namespace(t, world.Consumer, "refused-change")
	here, copied := gamblers.object(ns, "doc"), gamblers.object(there(ns), "doc")
	expect.Create(t, world.Consumer, here.DeepCopy())
	expect.Exists(t, world.Provider, copied)
	noCheats := policy{"no-cheats", "wildwest.dev", "gamblers", "UPDATE", "object.spec.intent != 'cheat'"}
	probe := func(ctx context.Context) error {
		o, err := expect.Get(ctx, world.Provider, copied)
		if err != nil {
			return err
		}
		expect.Set("cheat", "spec", "intent")(o)
		return world.Provider.Client.Update(ctx, o, client.DryRunAll)
	}
	noCheats.put(t, world.Provider, probe)
	expect.Change(t, world.Consumer, here, expect.Set("cheat", "spec", "intent"))
	if message := expect.Event(t, world.Consumer, here, sync.ReasonRejected); !strings.Contains(message, denial) {
		t.Errorf("the Event does not repeat the provider's words: %q", message)
	}
	expect.Has(t, world.Provider, copied, leak.Body, "spec", "intent")
	expect.Change(t, world.Consumer, here, expect.Set("win", "spec", "intent"))
	expect.Has(t, world.Provider, copied, "win", "spec", "intent")
	bindingHas(t, gamblers.plural, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionTrue, "")
	noCheats.lift(t, world.Provider, probe)
}

// The consumer's own admission can be in the way too: of the status that comes down.
func TestStatusRefusedByTheConsumerIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	bandits := bindAPI(t, "bandits")
	ns := expect.Namespace(t, world.Consumer, "refused-status")
	here, copied := bandits.object(ns, "black-bart"), bandits.object(there(ns), "black-bart")
	expect.Create(t, world.Consumer, here.DeepCopy())
	expect.Exists(t, world.Provider, copied)
	noFame := policy{"no-fame", "wildwest.dev", "bandits/status", "UPDATE", "!has(object.status) || object.status.result != 'famous'"}
	probe := func(ctx context.Context) error {
		o, err := expect.Get(ctx, world.Consumer, here)
		if err != nil {
			return err
		}
		expect.Set("famous", "status", "result")(o)
		return world.Consumer.Client.Status().Update(ctx, o, &client.SubResourceUpdateOptions{UpdateOptions: client.UpdateOptions{DryRun: []string{metav1.DryRunAll}}})
	}
	noFame.put(t, world.Consumer, probe)
	expect.ChangeStatus(t, world.Provider, copied, expect.Set("famous", "status", "result"))
	if message := expect.Event(t, world.Consumer, here, sync.ReasonConsumerRejected); !strings.Contains(message, denial) {
		t.Errorf("the Event does not repeat this cluster's words: %q", message)
	}
	bindingHas(t, bandits.plural, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonObjectsFailing)
	// The spec still goes up.
	expect.Change(t, world.Consumer, here, expect.Set("rob", "spec", "intent"))
	expect.Has(t, world.Provider, copied, "rob", "spec", "intent")
	noFame.lift(t, world.Consumer, probe)
	expect.Has(t, world.Consumer, here, "famous", "status", "result")
	bindingHas(t, bandits.plural, kubebindv1alpha2.ConditionObjectsInSync, metav1.ConditionTrue, "")
}
