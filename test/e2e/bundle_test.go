// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// bundler is a consumer with a place of its own at the shared provider, in which a test makes and withdraws exports.
type bundler struct {
	*pair.Pair
	t        *testing.T
	identity string
	place    *pair.Place
}

// newBundler is a consumer without any export.
func newBundler(t *testing.T, name string) *bundler {
	t.Helper()
	p, err := world.Neighbour(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the konnector's log:\n%s", p.Konnector().LogTail(15))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	identity, err := p.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &bundler{Pair: p, t: t, identity: identity}
}

// offer lets the provider have APIs.
func (b *bundler) offer(plurals ...string) {
	b.t.Helper()
	for _, plural := range plurals {
		if _, err := b.OfferVariant(b.t.Context(), plural); err != nil {
			b.t.Fatal(err)
		}
	}
}

// export makes an export of an API that is offered; with the first the consumer has its kubeconfig.
func (b *bundler) export(plural string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), expect.Timeout)
	defer cancel()
	place, err := b.Request(ctx, plural, plural, b.identity)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.place == nil {
		b.place = place
		if err := b.SaveKubeconfig(ctx, "provider", place.Kubeconfig); err != nil {
			b.t.Fatal(err)
		}
	}
}

// withdraw deletes an export, and the request that it came from.
func (b *bundler) withdraw(plural string) *kubebindv1alpha2.APIServiceExportRequest {
	b.t.Helper()
	key := metav1.ObjectMeta{Namespace: b.place.Namespace, Name: plural}
	request := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: key}
	if err := b.Provider.Client.Get(b.t.Context(), keyOf(request), request); err != nil {
		b.t.Fatal(err)
	}
	expect.Delete(b.t, b.Provider, request)
	expect.Delete(b.t, b.Provider, &kubebindv1alpha2.APIServiceExport{ObjectMeta: key})
	return &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: key, Spec: request.Spec}
}

// bundle makes a bundle, with a deletion policy unless that is empty.
func (b *bundler) bundle(name, policy string) *kubebindv1alpha2.APIServiceBindingBundle {
	b.t.Helper()
	bundle := &kubebindv1alpha2.APIServiceBindingBundle{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: kubebindv1alpha2.APIServiceBindingBundleSpec{KubeconfigSecretRef: kubebindv1alpha2.ClusterSecretKeyRef{
			LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: "provider", Key: kubebindv1alpha2.KubeconfigSecretKey},
			Namespace:         kubebindv1alpha2.ConsumerNamespace,
		}},
	}
	if policy != "" {
		bundle.Annotations = map[string]string{kubebindv1alpha2.DeletionPolicyAnnotation: policy}
	}
	expect.Eventually(b.t, "the bundle should be taken", func(ctx context.Context) error {
		return b.Consumer.Client.Create(ctx, bundle)
	})
	return bundle
}

// bundleOfPage applies the manifests of the page about bundles, with the kubeconfig of this consumer, and returns the
// bundle in them.
func (b *bundler) bundleOfPage() *kubebindv1alpha2.APIServiceBindingBundle {
	b.t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "concepts", "bundles.md"))
	if err != nil {
		b.t.Fatal(err)
	}
	bundle := &kubebindv1alpha2.APIServiceBindingBundle{}
	for i, block := range strings.Split(string(page), "```") {
		manifests, found := strings.CutPrefix(block, "yaml\n")
		if i%2 == 0 || !found {
			continue
		}
		for manifest := range strings.SplitSeq(manifests, "---\n") {
			object := parsed(b.t, manifest)
			switch object.GetKind() {
			case "Secret":
				expect.Set(string(b.place.Kubeconfig), "stringData", "kubeconfig")(object)
			case "APIServiceBindingBundle":
				bundle.Name = object.GetName()
			}
			if err := b.Consumer.Client.Apply(b.t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(pair.FieldManager)); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if err := b.Consumer.Client.Get(b.t.Context(), keyOf(bundle), bundle); err != nil {
		b.t.Fatal(err)
	}
	return bundle
}

// setPolicy changes the deletion policy of a bundle.
func (b *bundler) setPolicy(bundle *kubebindv1alpha2.APIServiceBindingBundle, policy string) {
	b.t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, kubebindv1alpha2.DeletionPolicyAnnotation, policy)
	if err := b.Consumer.Client.Patch(b.t.Context(), bundle.DeepCopy(), client.RawPatch("application/merge-patch+json", patch)); err != nil {
		b.t.Fatal(err)
	}
}

// says waits until a bundle's Synced has a status and reason, and a message in which all these words are.
func (b *bundler) says(bundle string, status metav1.ConditionStatus, reason string, words ...string) {
	b.t.Helper()
	expect.Eventually(b.t, fmt.Sprintf("bundle %s should have Synced=%s %s", bundle, status, reason), func(ctx context.Context) error {
		have := &kubebindv1alpha2.APIServiceBindingBundle{}
		if err := b.Consumer.Client.Get(ctx, client.ObjectKey{Name: bundle}, have); err != nil {
			return err
		}
		c := kubebindv1alpha2.FindCondition(have.Status.Conditions, kubebindv1alpha2.ConditionSynced)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("it has %+v", have.Status.Conditions)
		}
		for _, word := range words {
			if !strings.Contains(c.Message, word) {
				return fmt.Errorf("it does not say %q: %s", word, c.Message)
			}
		}
		return nil
	})
}

// ready waits until a binding is ready, and belongs to a bundle.
func (b *bundler) ready(name string, bundle *kubebindv1alpha2.APIServiceBindingBundle) *kubebindv1alpha2.APIServiceBinding {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), expect.Timeout)
	defer cancel()
	binding, err := b.WaitBinding(ctx, name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	if err != nil {
		b.t.Fatal(err)
	}
	if owner := metav1.GetControllerOf(binding); owner == nil || owner.UID != bundle.UID {
		b.t.Fatalf("binding %s belongs to %+v", name, binding.OwnerReferences)
	}
	return binding
}

// unbound waits until neither a binding nor its CRD is there.
func (b *bundler) unbound(plural string) {
	b.t.Helper()
	expect.Gone(b.t, b.Consumer, binding(plural))
	expect.Gone(b.t, b.Consumer, crd(plural))
}

// use makes an object of a bound API, and returns it and its copy.
func (b *bundler) use(plural string) (here, there *unstructured.Unstructured) {
	b.t.Helper()
	ns := expect.Namespace(b.t, b.Consumer, "team")
	here, there = ofKind(ns, plural), ofKind(b.place.There(ns), plural)
	expect.Create(b.t, b.Consumer, here.DeepCopy())
	expect.Exists(b.t, b.Provider, there)
	return here, there
}

func binding(name string) *kubebindv1alpha2.APIServiceBinding {
	return &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func crd(plural string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + ".wildwest.dev"}}
}

// A bundle binds all exports, and those that come, without ever listing them; it follows its own deletion policy, and
// takes everything away that it brought. Another consumer of the same provider is not disturbed.
func TestBundle(t *testing.T) {
	t.Parallel()
	b, other := newBundler(t, "bundle"), newBundler(t, "bundle-other")
	b.offer("mules", "foals", "ponies")
	for _, each := range []*bundler{b, other} {
		each.export("mules")
		each.export("foals")
	}
	all, others := b.bundle("all", ""), other.bundleOfPage()
	for _, plural := range []string{"mules", "foals"} {
		b.ready(plural, all)
		other.ready(plural, others)
	}
	b.says("all", metav1.ConditionTrue, "")
	expect.Event(t, b.Consumer, all, kubebindv1alpha2.ConditionReady)
	have := &kubebindv1alpha2.APIServiceBindingBundle{}
	if err := b.Consumer.Client.Get(t.Context(), keyOf(all), have); err != nil || have.Status.ProviderPrettyName != "BigCorp.com" {
		t.Errorf("the provider is called %q: %v", have.Status.ProviderPrettyName, err)
	}

	before, err := pair.CountRequests(t.Context(), b.Provider, "apiserviceexports")
	if err != nil {
		t.Fatal(err)
	}
	b.export("ponies")
	b.ready("ponies", all)
	after, err := pair.CountRequests(t.Context(), b.Provider, "apiserviceexports")
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Since(before)["LIST"]; n > 0 {
		t.Errorf("exports were listed %d times to find a new one", n)
	}
	expect.Never(t, "the other consumer should not get it", func(ctx context.Context) error {
		return appeared(ctx, other.Consumer, binding("ponies"))
	})

	b.setPolicy(all, kubebindv1alpha2.DeletionPolicyOrphan)
	hasPolicy(t, b, kubebindv1alpha2.DeletionPolicyOrphan)
	b.setPolicy(all, kubebindv1alpha2.DeletionPolicyDelete)
	hasPolicy(t, b, kubebindv1alpha2.DeletionPolicyDelete)
	mule, mulesCopy := b.use("mules")
	_, othersCopy := other.use("mules")
	expect.Delete(t, b.Consumer, all)
	expect.Gone(t, b.Consumer, all)
	for _, plural := range []string{"mules", "foals", "ponies"} {
		if err := appeared(t.Context(), b.Consumer, binding(plural)); err != nil {
			t.Errorf("the bundle went before its binding: %v", err)
		}
		b.unbound(plural)
	}
	expect.Gone(t, b.Provider, mulesCopy)
	if _, err := expect.Get(t.Context(), b.Consumer, mule); err == nil {
		t.Error("the object is still there")
	}
	expect.Exists(t, other.Provider, othersCopy)
	other.ready("mules", others)
	other.says(others.Name, metav1.ConditionTrue, "")
}

// appeared is an error as soon as something is there.
func appeared(ctx context.Context, side *pair.Side, o client.Object) error {
	if err := side.Client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return client.IgnoreNotFound(err)
	}
	return fmt.Errorf("%s is there", o.GetName())
}

func hasPolicy(t *testing.T, b *bundler, policy string) {
	t.Helper()
	expect.Eventually(t, "the bindings should have the bundle's deletion policy", func(ctx context.Context) error {
		bindings := &kubebindv1alpha2.APIServiceBindingList{}
		if err := b.Consumer.Client.List(ctx, bindings); err != nil {
			return err
		}
		for i := range bindings.Items {
			if have := bindings.Items[i].Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]; have != policy {
				return fmt.Errorf("%s has %q", bindings.Items[i].Name, have)
			}
		}
		return nil
	})
}

// W22: an export that vanishes takes no objects away unless the consumer has said so.
func TestW22BundleKeepsObjects(t *testing.T) {
	t.Parallel()
	b := newBundler(t, "bundle-w22")
	b.offer("goats", "sheep", "ducks")
	for _, plural := range []string{"goats", "sheep", "ducks"} {
		b.export(plural)
	}
	bundle := b.bundle("farm", "")
	goats := b.ready("goats", bundle)
	b.ready("sheep", bundle)
	b.ready("ducks", bundle)
	goat, goatsCopy := b.use("goats")
	duck, _ := b.use("ducks")

	b.withdraw("sheep")
	again := b.withdraw("goats")
	b.unbound("sheep") // Nobody used them.
	b.says("farm", metav1.ConditionFalse, kubebindv1alpha2.ReasonExportsWithdrawn, "goats", kubebindv1alpha2.DeletionPolicyAnnotation)
	expect.Event(t, b.Consumer, bundle, kubebindv1alpha2.ReasonExportsWithdrawn)
	expect.Exists(t, b.Consumer, goat)

	expect.Create(t, b.Provider, again)
	b.says("farm", metav1.ConditionTrue, "")
	if now := b.ready("goats", bundle); now.UID != goats.UID {
		t.Error("the binding was made again")
	}
	expect.Change(t, b.Consumer, goat, expect.Set("on", "spec", "intent"))
	expect.Has(t, b.Provider, goatsCopy, "on", "spec", "intent")

	// The last object is the consumer's word, too.
	b.withdraw("goats")
	b.says("farm", metav1.ConditionFalse, kubebindv1alpha2.ReasonExportsWithdrawn, "goats")
	expect.Delete(t, b.Consumer, goat.DeepCopy())
	b.unbound("goats")
	b.says("farm", metav1.ConditionTrue, "")

	// A policy that cannot be read is no word; one that can be is.
	again = b.withdraw("ducks")
	b.says("farm", metav1.ConditionFalse, kubebindv1alpha2.ReasonExportsWithdrawn, "ducks")
	b.setPolicy(bundle, "delete")
	b.says("farm", metav1.ConditionFalse, kubebindv1alpha2.ReasonInvalidDeletionPolicy, `"delete"`)
	expect.Never(t, "nothing should be unbound", func(ctx context.Context) error {
		_, err := expect.Get(ctx, b.Consumer, duck)
		return err
	})
	b.setPolicy(bundle, kubebindv1alpha2.DeletionPolicyDelete)
	b.unbound("ducks")
	b.says("farm", metav1.ConditionTrue, "")

	// Without any binding the bundle still follows the provider.
	expect.Create(t, b.Provider, again)
	b.ready("ducks", bundle)
}

// A binding that somebody else made keeps its name: the bundle leaves it alone, says so, and binds once it is gone.
func TestBundleConflicts(t *testing.T) {
	t.Parallel()
	b := newBundler(t, "bundle-conflicts")
	b.offer("hens", "geese")
	b.export("hens")
	first := b.bundle("first", "")
	b.ready("hens", first)
	if err := b.CreateBinding(t.Context(), "geese", "provider"); err != nil {
		t.Fatal(err)
	}
	foreign := binding("geese")
	if err := b.Consumer.Client.Get(t.Context(), keyOf(foreign), foreign); err != nil {
		t.Fatal(err)
	}
	b.export("geese")
	b.says("first", metav1.ConditionFalse, kubebindv1alpha2.ReasonBindingConflict, "geese")
	if message := expect.Event(t, b.Consumer, first, kubebindv1alpha2.ReasonBindingConflict); !strings.Contains(message, "geese") {
		t.Errorf("the Event does not name the binding: %s", message)
	}
	// A second bundle on the same provider is somebody else, too. That it has the name of a binding means nothing.
	second := b.bundle("hens", kubebindv1alpha2.DeletionPolicyDelete)
	b.says("hens", metav1.ConditionFalse, kubebindv1alpha2.ReasonBindingConflict, "geese", "hens")
	expect.Delete(t, b.Consumer, second)
	expect.Gone(t, b.Consumer, second)
	b.ready("hens", first)
	b.use("hens")
	now := binding("geese")
	if err := b.Consumer.Client.Get(t.Context(), keyOf(now), now); err != nil {
		t.Fatal(err)
	}
	if now.UID != foreign.UID || len(now.OwnerReferences) > 0 || len(now.Annotations) > 0 || now.DeletionTimestamp != nil {
		t.Errorf("the foreign binding was touched: %+v", now.ObjectMeta)
	}
	expect.Delete(t, b.Consumer, foreign)
	b.says("first", metav1.ConditionTrue, "")
	b.ready("geese", first)
}
