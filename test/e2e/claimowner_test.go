// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

func ownerIs(owner string) expect.Modifier {
	return expect.Set(owner, "metadata", "labels", kubebindv1alpha2.OwnerLabel)
}

// Whose an object is: conflicts are told, what is a side's own is left alone, and the label hands objects over. Two
// consumers of one provider do not disturb each other.
func TestClaimOwnership(t *testing.T) {
	t.Parallel()
	p := start(t)
	offerRanches(t, p)
	c := claimable{Pair: p, place: bind(t, p, ranches)}
	expect.Namespace(t, p.Consumer, "team")
	expect.Create(t, p.Consumer, ranch("team", "anchor"))
	expect.Exists(t, p.Provider, ranch(c.there("team"), "anchor"))

	neighbour, err := p.Neighbour(t.Context(), "neighbour")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := neighbour.Stop(); err != nil {
			t.Error(err)
		}
	})
	n := claimable{Pair: neighbour, place: bind(t, neighbour, ranches)}
	expect.Namespace(t, neighbour.Consumer, "team")

	t.Run("W3 what is not claimed is left alone", func(t *testing.T) { claimW3(t, c) })
	t.Run("W27 both sides without owner", func(t *testing.T) { claimW27(t, c) })
	t.Run("W24 W25 finalizers of others", func(t *testing.T) { claimW24(t, c) })
	t.Run("the label hands over", func(t *testing.T) { claimTransfer(t, c) })
	t.Run("two consumers", func(t *testing.T) { claimTwoConsumers(t, c, n) })
	t.Run("SEC-15 consent", func(t *testing.T) { claimConsent(t, c) })
	t.Run("a restart writes nothing", func(t *testing.T) { claimRestart(t, c) })
}

func claimW3(t *testing.T, c claimable) {
	private, victim := core("Secret", "team", "private", "mine"), core("Secret", "team", "victim", "mine")
	expect.Create(t, c.Consumer, private)
	expect.Create(t, c.Consumer, victim)
	expect.Create(t, c.Provider, core("Secret", c.there("team"), "private", "", kubebindv1alpha2.OwnerLabel, kubebindv1alpha2.OwnerConsumer, "app", "ranch"))
	expect.Create(t, c.Provider, core("Secret", c.there("team"), "victim", "evil", kubebindv1alpha2.OwnerLabel, kubebindv1alpha2.OwnerProvider, "app", "ranch"))
	expect.Event(t, c.Consumer, victim, "Conflict")
	expect.Never(t, "what is not claimed stays where it is", func(ctx context.Context) error {
		there, err := expect.Get(ctx, c.Provider, at(private, c.there("team")))
		if err != nil || contentOf(there) != "" {
			return fmt.Errorf("the provider has %v (%w)", contentOf(there), err)
		}
		here, err := expect.Get(ctx, c.Consumer, victim)
		if err != nil || contentOf(here) != encoded("Secret", "mine") || len(here.GetLabels()) > 0 {
			return fmt.Errorf("the consumer has %q, labels %v (%w)", contentOf(here), here.GetLabels(), err)
		}
		return nil
	})
	expect.Delete(t, c.Consumer, victim)
	c.down(t, core("Secret", "team", "victim", ""), "evil")
}

func claimW27(t *testing.T, c claimable) {
	config := core("ConfigMap", "team", "ranch-config", "here")
	there := core("ConfigMap", c.there("team"), "ranch-config", "there")
	expect.Create(t, c.Provider, there)
	c.down(t, config, "there")
	// Nobody's copy: the marks are gone, as if both had been there before.
	strip := func(o *unstructured.Unstructured) { o.SetLabels(nil); o.SetAnnotations(nil) }
	stop(t, c.Konnector())
	expect.Change(t, c.Consumer, config, strip, expect.Set("here", "data", "content"))
	expect.Change(t, c.Provider, there, strip)
	if err := c.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	expect.Event(t, c.Consumer, config, "OwnerUnknown")
	b := bindingOf(t, c, kubebindv1alpha2.ConditionPermissionClaim, metav1.ConditionFalse, kubebindv1alpha2.ReasonObjectsFailing)
	if message := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionPermissionClaim).Message; !strings.Contains(message, "1 configmaps OwnerUnknown") {
		t.Errorf("the condition says %q", message)
	}
	// What the consumer says of its own is not enough to overwrite what the provider has.
	expect.Change(t, c.Consumer, config, ownerIs(kubebindv1alpha2.OwnerConsumer))
	expect.Event(t, c.Consumer, config, "Conflict")
	expect.Change(t, c.Provider, there, ownerIs(kubebindv1alpha2.OwnerConsumer))
	c.up(t, config, "here")
	b = bindingOf(t, c, kubebindv1alpha2.ConditionPermissionClaim, metav1.ConditionTrue, "")
	if message := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionPermissionClaim).Message; !strings.Contains(message, "configmaps: 1 of this cluster, 0 of the provider") {
		t.Errorf("the condition says %q", message)
	}
}

func bindingOf(t *testing.T, c claimable, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	b, err := c.WaitBinding(ctx, ranches, conditionType, status, reason)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func claimW24(t *testing.T, c claimable) {
	const finalizer = "example.org/mine"
	secret := core("Secret", "team", "finalized", "one", "app", "ranch")
	expect.Create(t, c.Consumer, secret)
	c.up(t, secret, "one")
	expect.Change(t, c.Provider, at(secret, c.there("team")), expect.Set([]any{finalizer}, "metadata", "finalizers"))
	expect.Change(t, c.Consumer, secret, expect.Set(encoded("Secret", "two"), "data", "content"))
	if there := c.up(t, secret, "two"); len(there.GetFinalizers()) != 1 {
		t.Errorf("the provider's finalizer is gone")
	}
	expect.Change(t, c.Provider, at(secret, c.there("team")), expect.Unset("metadata", "finalizers"))

	going := core("Secret", c.there("team"), "going", "one", "app", "ranch")
	going.SetFinalizers([]string{finalizer})
	going.SetDeletionGracePeriodSeconds(nil)
	expect.Create(t, c.Provider, going)
	c.down(t, at(going, "team"), "one")
	expect.Delete(t, c.Provider, going)
	expect.Delete(t, c.Consumer, at(going, "team"))
	stays(t, c.Consumer, at(going, "team"))
	expect.Change(t, c.Provider, going, expect.Unset("metadata", "finalizers"))
	expect.Gone(t, c.Provider, going)
}

func claimTransfer(t *testing.T, c claimable) {
	secret := core("Secret", "team", "moving", "one", "app", "ranch")
	expect.Create(t, c.Consumer, secret)
	c.up(t, secret, "one")
	there := at(secret, c.there("team"))
	// The consumer gives it away.
	expect.Change(t, c.Consumer, secret, ownerIs(kubebindv1alpha2.OwnerProvider))
	hasContent(t, c.Provider, there, "one", kubebindv1alpha2.OwnerProvider)
	expect.Change(t, c.Provider, there, expect.Set(encoded("Secret", "theirs"), "data", "content"))
	c.down(t, secret, "theirs")
	// The provider gives it back.
	expect.Change(t, c.Provider, there, ownerIs(kubebindv1alpha2.OwnerConsumer))
	hasContent(t, c.Consumer, secret, "theirs", kubebindv1alpha2.OwnerConsumer)
	expect.Change(t, c.Consumer, secret, expect.Set(encoded("Secret", "mine"), "data", "content"))
	c.up(t, secret, "mine")
	// The provider takes it.
	expect.Change(t, c.Provider, there, ownerIs(kubebindv1alpha2.OwnerProvider), expect.Set(encoded("Secret", "taken"), "data", "content"))
	c.down(t, secret, "taken")
	expect.Delete(t, c.Provider, core("Secret", c.there("team"), "moving", ""))
	expect.Gone(t, c.Consumer, secret)
}

func claimTwoConsumers(t *testing.T, c, n claimable) {
	ours := core("Secret", "team", "same", "ours", "app", "ranch")
	theirs := core("Secret", "team", "same", "theirs", "app", "ranch")
	expect.Create(t, c.Consumer, ours)
	expect.Create(t, n.Consumer, theirs)
	c.up(t, ours, "ours")
	n.up(t, theirs, "theirs")
	expect.Delete(t, n.Consumer, theirs)
	n.gone(t, theirs)
	c.up(t, ours, "ours")
	expect.Delete(t, c.Consumer, ours)
	c.gone(t, ours)
}

func claimConsent(t *testing.T, c claimable) {
	secret, given := core("Secret", "team", "refused", "one", "app", "ranch"), core("Secret", "team", "given", "one", "app", "ranch")
	expect.Create(t, c.Consumer, secret)
	c.up(t, secret, "one")
	expect.Create(t, c.Provider, at(given, c.there("team")))
	c.down(t, given, "one")

	answer(t, c, kubebindv1alpha2.ConsentRefused)
	c.gone(t, secret)
	expect.Exists(t, c.Consumer, secret)
	expect.Gone(t, c.Consumer, given)
	expect.Exists(t, c.Provider, at(given, c.there("team")))
	b := bindingOf(t, c, kubebindv1alpha2.ConditionPermissionClaim, metav1.ConditionFalse, kubebindv1alpha2.ReasonClaimRefused)
	if !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionReady) {
		t.Errorf("a binding with a refused claim is not ready: %+v", b.Status.Conditions)
	}
	expect.Eventually(t, "the provider should be told", func(ctx context.Context) error {
		export := &kubebindv1alpha2.APIServiceExport{}
		if err := c.Provider.Client.Get(ctx, client.ObjectKey{Namespace: c.place.Namespace, Name: ranches}, export); err != nil {
			return err
		}
		claim := kubebindv1alpha2.FindCondition(export.Status.Conditions, kubebindv1alpha2.ConditionPermissionClaim)
		if claim == nil || claim.Reason != kubebindv1alpha2.ReasonClaimRefused || !strings.Contains(claim.Message, "secrets") {
			return fmt.Errorf("it is told %+v", claim)
		}
		return nil
	})
	later := core("Secret", "team", "later", "one", "app", "ranch")
	expect.Create(t, c.Consumer, later)
	c.notUp(t, later)

	answer(t, c, kubebindv1alpha2.ConsentAccepted)
	c.up(t, secret, "one")
	c.up(t, later, "one")
	c.down(t, given, "one")
}

// answer sets the consumer's answer to the claim on Secrets.
func answer(t *testing.T, c claimable, state kubebindv1alpha2.ConsentState) {
	t.Helper()
	expect.Eventually(t, "answering a claim", func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBinding{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: ranches}, b); err != nil {
			return err
		}
		b.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaimConsent{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}, State: state}}
		return c.Consumer.Client.Update(ctx, b)
	})
}

func claimRestart(t *testing.T, c claimable) {
	secret := core("Secret", "team", "restart", "one", "app", "ranch")
	expect.Create(t, c.Consumer, secret)
	c.up(t, secret, "one")
	stop(t, c.Konnector())
	before := map[*pair.Side]pair.Requests{}
	for _, side := range []*pair.Side{c.Consumer, c.Provider} {
		before[side] = count(t, side)
	}
	if err := c.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	expect.Change(t, c.Consumer, secret, expect.Set(encoded("Secret", "two"), "data", "content"))
	c.up(t, secret, "two")
	after := count(t, c.Provider).Since(before[c.Provider])
	if after.Writes() != 1 {
		t.Errorf("a restart and one change are %v on the provider, want one write", after)
	}
	// One update is the test's own.
	if after := count(t, c.Consumer).Since(before[c.Consumer]); after.Writes() != 1 {
		t.Errorf("a restart and one change are %v on the consumer, want the change alone", after)
	}
}

func count(t *testing.T, side *pair.Side) pair.Requests {
	t.Helper()
	requests, err := pair.CountRequests(t.Context(), side, "secrets")
	if err != nil {
		t.Fatal(err)
	}
	return requests
}

func stop(t *testing.T, process interface{ Stop() error }) {
	t.Helper()
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
}
