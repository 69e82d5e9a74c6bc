// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// bundled is a pair with a bundle that has bound bandits, and an object of them.
type bundled struct {
	*pair.Pair
	place   *pair.Place
	bundle  *kubebindv1alpha2.APIServiceBindingBundle
	binding *kubebindv1alpha2.APIServiceBinding
	object  *unstructured.Unstructured
}

func startBundled(t *testing.T, policy string) bundled {
	t.Helper()
	p, place := ownPair(t)
	kind, err := p.OfferVariant(t.Context(), "bandits")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := p.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Request(t.Context(), "bandits", "bandits", identity); err != nil {
		t.Fatal(err)
	}
	bundle := &kubebindv1alpha2.APIServiceBindingBundle{
		ObjectMeta: metav1.ObjectMeta{Name: "all", Annotations: map[string]string{kubebindv1alpha2.DeletionPolicyAnnotation: policy}},
		Spec: kubebindv1alpha2.APIServiceBindingBundleSpec{KubeconfigSecretRef: kubebindv1alpha2.ClusterSecretKeyRef{
			LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: "cowboys", Key: kubebindv1alpha2.KubeconfigSecretKey},
			Namespace:         kubebindv1alpha2.ConsumerNamespace,
		}},
	}
	expect.Create(t, p.Consumer, bundle)
	binding := waitBinding(t, p, "bandits", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	ns := expect.Namespace(t, p.Consumer, "hideout")
	bandits := api{"bandits", kind}
	object := bandits.object(ns, "one")
	expect.Create(t, p.Consumer, object)
	expect.Exists(t, p.Provider, bandits.object(place.Namespace+"-"+ns, "one"))
	return bundled{p, place, bundle, binding, object}
}

// stays is an error as soon as the binding or its object goes.
func (b bundled) stays(ctx context.Context) error {
	_, err := expect.Get(ctx, b.Consumer, b.object)
	binding := &kubebindv1alpha2.APIServiceBinding{}
	err = errors.Join(err, b.Consumer.Client.Get(ctx, keyOf(b.binding), binding))
	if binding.UID != b.binding.UID || binding.DeletionTimestamp != nil {
		err = errors.Join(err, fmt.Errorf("the binding is %+v", binding.ObjectMeta))
	}
	return err
}

// A bundle whose provider is away, also for a konnector that has never seen it, unbinds nothing, although it was told to
// follow the provider's deletions.
func TestBundleWhileProviderIsAway(t *testing.T) {
	p := startBundled(t, kubebindv1alpha2.DeletionPolicyOrphan)
	if err := p.Provider.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	bundleSays(t, p.Pair, "all", kubebindv1alpha2.ReasonListExportsFailed)
	expect.Never(t, "nothing should be unbound", p.stays)
	if err := p.Konnector().Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.Consumer.Client.Get(t.Context(), keyOf(p.bundle), p.bundle); err != nil {
		t.Fatal(err)
	}
	p.bundle.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation] = kubebindv1alpha2.DeletionPolicyDelete
	if err := p.Consumer.Client.Update(t.Context(), p.bundle); err != nil {
		t.Fatal(err)
	}
	if err := p.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "the new konnector should look at the bundle", func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBinding{}
		err := p.Consumer.Client.Get(ctx, keyOf(p.binding), b)
		if policy := b.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]; policy != kubebindv1alpha2.DeletionPolicyDelete {
			err = errors.Join(err, fmt.Errorf("the binding's deletion policy is %q", policy))
		}
		return err
	})
	expect.Never(t, "nothing should be unbound by a konnector that knows nothing", p.stays)
	if err := p.Provider.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The first binding of this pair is not the bundle's.
	bundleSays(t, p.Pair, "all", kubebindv1alpha2.ReasonBindingConflict)
	waitBinding(t, p.Pair, "bandits", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	if err := p.stays(t.Context()); err != nil {
		t.Error(err)
	}
}

// A provider that removes the consumer removes the exports with the rest of the place: that is no word to unbind them.
func TestBundleOfRemovedConsumer(t *testing.T) {
	p := startBundled(t, kubebindv1alpha2.DeletionPolicyDelete)
	place := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.place.Namespace}}
	expect.Delete(t, p.Provider, place)
	expect.Gone(t, p.Provider, place)
	bundleSays(t, p.Pair, "all", kubebindv1alpha2.ReasonConsumerRemoved)
	expect.Never(t, "nothing should be unbound", p.stays)
}

// bundleSays waits for a reason of a bundle's Synced.
func bundleSays(t *testing.T, p *pair.Pair, name, reason string) {
	t.Helper()
	expect.Eventually(t, "bundle "+name+" should say "+reason, func(ctx context.Context) error {
		b := &kubebindv1alpha2.APIServiceBindingBundle{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := p.Consumer.Client.Get(ctx, keyOf(b), b); err != nil {
			return err
		}
		if c := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionSynced); c == nil || c.Reason != reason {
			return fmt.Errorf("it has %+v", b.Status.Conditions)
		}
		return nil
	})
}
