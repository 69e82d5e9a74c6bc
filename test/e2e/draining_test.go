// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// How a binding ends: progress is told, claimed objects are taken back, copies are left behind if so wanted, and nothing
// is guessed.
func TestUnbinding(t *testing.T) {
	t.Parallel()
	for name, scope := range scopes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "--consumer-scope="+scope)
			offerRanches(t, p)
			c := claimable{Pair: p, place: bind(t, p, ranches)}
			expect.Namespace(t, p.Consumer, "team")
			t.Run("W19 W20 progress", func(t *testing.T) { unbindProgress(t, c) })
			rebind(t, c)
			t.Run("W22 orphan", func(t *testing.T) { unbindOrphan(t, c) })
			rebind(t, c)
			t.Run("forced", func(t *testing.T) { unbindForced(t, c) })
		})
	}
}

func rebind(t *testing.T, c claimable) {
	t.Helper()
	if err := c.CreateBinding(t.Context(), ranches, ranches); err != nil {
		t.Fatal(err)
	}
	bindingOf(t, c, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
}

// annotate sets an annotation of the binding; an empty value removes it.
func annotate(t *testing.T, c claimable, key, value string) {
	t.Helper()
	expect.Eventually(t, "annotating the binding", func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBinding{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: ranches}, b); err != nil {
			return err
		}
		if b.Annotations == nil {
			b.Annotations = map[string]string{}
		}
		b.Annotations[key] = value
		if value == "" {
			delete(b.Annotations, key)
		}
		return c.Consumer.Client.Update(ctx, b)
	})
}

// draining waits until the binding says so about what is left.
func draining(t *testing.T, c claimable, reason, message string) {
	t.Helper()
	expect.Eventually(t, "the binding should drain", func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBinding{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: ranches}, b); err != nil {
			return err
		}
		d := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionDraining)
		if d == nil || d.Status != metav1.ConditionTrue || d.Reason != reason || !strings.Contains(d.Message, message) {
			return fmt.Errorf("it says %+v", d)
		}
		if kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionReady) {
			return fmt.Errorf("it is ready")
		}
		return nil
	})
}

func deleteBinding(t *testing.T, c claimable) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	b := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: ranches}}
	expect.Delete(t, c.Consumer, b)
	return b
}

// W19: all goes, in an order that leaves nothing behind, and says how far it is.
func unbindProgress(t *testing.T, c claimable) {
	for i := range 3 {
		expect.Create(t, c.Consumer, ranch("team", fmt.Sprint("r", i)))
		expect.Exists(t, c.Provider, ranch(c.there("team"), fmt.Sprint("r", i)))
	}
	mine, theirs := core("Secret", "team", "mine", "one", "app", "ranch"), core("Secret", "team", "theirs", "one", "app", "ranch")
	expect.Create(t, c.Consumer, mine)
	c.up(t, mine, "one")
	expect.Create(t, c.Provider, at(theirs, c.there("team")))
	c.down(t, theirs, "one")
	held := ranch(c.there("team"), "r1")
	expect.Change(t, c.Provider, held, expect.Set([]any{"example.org/cleanup"}, "metadata", "finalizers"))

	annotate(t, c, kubebindv1alpha2.DeletionPolicyAnnotation, "orphan")
	b := deleteBinding(t, c)
	draining(t, c, kubebindv1alpha2.ReasonInvalidDeletionPolicy, `"orphan"`)
	stayAll := ranch("team", "r0")
	expect.Exists(t, c.Consumer, stayAll)
	annotate(t, c, kubebindv1alpha2.DeletionPolicyAnnotation, "")
	// W20: what the provider still cleans up is waited for.
	draining(t, c, kubebindv1alpha2.ReasonUnbinding, "1 "+ranches+" (team/r1)")
	expect.Exists(t, c.Provider, at(mine, c.there("team")))
	expect.Change(t, c.Provider, held, expect.Unset("metadata", "finalizers"))
	expect.Gone(t, c.Consumer, b)
	expect.Gone(t, c.Consumer, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: ranches}})
	expect.Gone(t, c.Provider, ranch(c.there("team"), "r0"))
	c.gone(t, mine)
	expect.Exists(t, c.Consumer, mine)
	expect.Gone(t, c.Consumer, theirs)
	expect.Exists(t, c.Provider, at(theirs, c.there("team")))
	expect.Delete(t, c.Provider, at(theirs, c.there("team")))
	expect.Delete(t, c.Consumer, mine)
}

// W22: what is left behind is there to be taken over, and not swept away by the next binding.
func unbindOrphan(t *testing.T, c claimable) {
	for _, name := range []string{"again", "never"} {
		expect.Create(t, c.Consumer, ranch("team", name))
		expect.Exists(t, c.Provider, ranch(c.there("team"), name))
	}
	annotate(t, c, kubebindv1alpha2.DeletionPolicyAnnotation, kubebindv1alpha2.DeletionPolicyOrphan)
	expect.Gone(t, c.Consumer, deleteBinding(t, c))
	expect.Gone(t, c.Consumer, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: ranches}})
	uid := expect.Exists(t, c.Provider, ranch(c.there("team"), "again")).GetUID()
	expect.Exists(t, c.Provider, ranch(c.there("team"), "never"))

	rebind(t, c)
	expect.Create(t, c.Consumer, ranch("team", "again", expect.Set("back", "spec", "intent")))
	if there := expect.Has(t, c.Provider, ranch(c.there("team"), "again"), "back", "spec", "intent"); there.GetUID() != uid {
		t.Error("the copy was made anew")
	}
	expect.Never(t, "what was left behind stays", func(ctx context.Context) error {
		_, err := expect.Get(ctx, c.Provider, ranch(c.there("team"), "never"))
		return err
	})
	expect.Delete(t, c.Consumer, ranch("team", "again"))
	expect.Gone(t, c.Provider, ranch(c.there("team"), "again"))
	expect.Gone(t, c.Consumer, deleteBinding(t, c))
}

// Without a usable kubeconfig the end waits and says so, and a word is enough to do without the provider.
func unbindForced(t *testing.T, c claimable) {
	expect.Create(t, c.Consumer, ranch("team", "stuck"))
	there := expect.Exists(t, c.Provider, ranch(c.there("team"), "stuck"))
	expect.Delete(t, c.Consumer, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: ranches}})
	bindingOf(t, c, kubebindv1alpha2.ConditionSecretValid, metav1.ConditionFalse, kubebindv1alpha2.ReasonKubeconfigSecretNotFound)
	b := deleteBinding(t, c)
	draining(t, c, kubebindv1alpha2.ReasonUnbindingBlocked, "1 "+ranches)
	draining(t, c, kubebindv1alpha2.ReasonUnbindingBlocked, kubebindv1alpha2.ForceUnbindAnnotation+"=true")
	expect.Event(t, c.Consumer, b, kubebindv1alpha2.ReasonUnbindingBlocked)
	annotate(t, c, kubebindv1alpha2.ForceUnbindAnnotation, "true")
	expect.Gone(t, c.Consumer, b)
	expect.Gone(t, c.Consumer, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: ranches}})
	if left := expect.Exists(t, c.Provider, ranch(c.there("team"), "stuck")); left.GetUID() != there.GetUID() {
		t.Error("the copy is another one")
	}
}
