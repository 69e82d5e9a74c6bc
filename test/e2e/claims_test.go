// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

func encoded(kind, content string) string {
	if kind == "Secret" {
		return base64.StdEncoding.EncodeToString([]byte(content))
	}
	if kind == "ServiceAccount" {
		return ""
	}
	return content
}

// With isolation Namespaced the API is cluster-scoped in the consumer, and what is claimed is where it always is.
func TestClaimsOfClusterScopedObjects(t *testing.T) {
	t.Parallel()
	for name, terms := range choices(map[string]pair.Terms{
		"namespaced scope": {Isolation: kubebindv1alpha2.IsolationNamespaced, Scope: kubebindv1alpha2.NamespacedScope},
		"cluster scope":    {Isolation: kubebindv1alpha2.IsolationNamespaced, Scope: kubebindv1alpha2.ClusterScope},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, arguments(terms)...)
			offerRanches(t, p)
			c := claimable{Pair: p, place: bind(t, p, ranches)}
			expect.Namespace(t, p.Consumer, "team")
			expect.Namespace(t, p.Consumer, "other")
			claimByLabel(t, c)
			claimByName(t, c)
			secret, nowhere := core("Secret", "team", "referred", "one"), core("Secret", "other", "referred", "one")
			expect.Create(t, c.Consumer, secret)
			expect.Create(t, c.Consumer, nowhere)
			expect.Create(t, c.Consumer, ranch("", "no-namespace", expect.Set(map[string]any{"name": "referred"}, "spec", "secretRef")))
			c.notUp(t, secret)
			expect.Create(t, c.Consumer, ranch("", "refers", expect.Set(map[string]any{"name": "referred", "namespace": "team"}, "spec", "secretRef")))
			c.up(t, secret, "one")
			c.notUp(t, nowhere)
			// The consumer's own credential is no place for its objects.
			stays(t, c.Provider, core("Secret", c.place.Namespace, "referred", ""))
		})
	}
}

// Claimed objects are shared, in each informer scope and isolation, by label, by name and by reference.
func TestClaims(t *testing.T) {
	for name, terms := range choices(map[string]pair.Terms{
		"prefixed, namespaced scope": {Isolation: kubebindv1alpha2.IsolationPrefixed, Scope: kubebindv1alpha2.NamespacedScope},
		"prefixed, cluster scope":    {Isolation: kubebindv1alpha2.IsolationPrefixed, Scope: kubebindv1alpha2.ClusterScope},
		"none, cluster scope":        {Isolation: kubebindv1alpha2.IsolationNone, Scope: kubebindv1alpha2.ClusterScope},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, arguments(terms)...)
			offerRanches(t, p)
			c := claimable{p, bind(t, p, ranches), terms.Isolation == kubebindv1alpha2.IsolationNone}
			expect.Namespace(t, p.Consumer, "team")
			expect.Namespace(t, p.Consumer, "other")
			t.Run("by label", func(t *testing.T) { claimByLabel(t, c) })
			t.Run("by name", func(t *testing.T) { claimByName(t, c) })
			t.Run("by reference", func(t *testing.T) { claimByReference(t, c) })
			t.Run("from the provider", func(t *testing.T) { claimFromProvider(t, c) })
			t.Run("of the exported resource", func(t *testing.T) { claimExported(t, c) })
			t.Run("W37 the claim changes", func(t *testing.T) { claimChanges(t, c) })
		})
	}
}

func claimByLabel(t *testing.T, c claimable) {
	for _, kind := range []string{"Secret", "ServiceAccount"} {
		o := core(kind, "team", "labelled", "one", "app", "ranch")
		expect.Create(t, c.Consumer, o)
		c.up(t, o, "one")
		expect.Event(t, c.Consumer, o, "Shared")
	}
	secret := core("Secret", "team", "labelled", "one", "app", "ranch")
	expect.Change(t, c.Consumer, secret, expect.Set(encoded("Secret", leak.Body), "data", "content"))
	c.up(t, secret, leak.Body)

	other := core("Secret", "team", "unlabelled", "x")
	expect.Create(t, c.Consumer, other)
	c.notUp(t, other)
	// Evaluated when labels change, both ways.
	expect.Change(t, c.Consumer, other, expect.Set("ranch", "metadata", "labels", "app"))
	c.up(t, other, "x")
	expect.Change(t, c.Consumer, other, expect.Unset("metadata", "labels", "app"))
	c.gone(t, other)
	expect.Exists(t, c.Consumer, other)

	expect.Delete(t, c.Consumer, secret)
	c.gone(t, secret)
}

func claimByName(t *testing.T, c claimable) {
	config := core("ConfigMap", "other", "ranch-config", "one")
	expect.Create(t, c.Consumer, config)
	c.up(t, config, "one")
	only := core("ConfigMap", "team", "only-in-team", "one")
	expect.Create(t, c.Consumer, only)
	c.up(t, only, "one")
	elsewhere := core("ConfigMap", "other", "only-in-team", "one")
	expect.Create(t, c.Consumer, elsewhere)
	c.notUp(t, elsewhere)
}

func claimByReference(t *testing.T, c claimable) {
	secret := core("Secret", "team", "referred", "one")
	expect.Create(t, c.Consumer, secret)
	later := core("Secret", "team", "later", "one")
	unrelated := core("Secret", "other", "referred", "one")
	expect.Create(t, c.Consumer, unrelated)
	c.notUp(t, secret)

	r := ranch("team", "refers", expect.Set(map[string]any{"name": "referred"}, "spec", "secretRef"),
		expect.Set([]any{map[string]any{"name": "later"}, map[string]any{"name": "elsewhere", "namespace": "other"}}, "spec", "keys"))
	expect.Create(t, c.Consumer, r)
	c.up(t, secret, "one")
	// A referenced object appears later, here in another namespace.
	expect.Create(t, c.Consumer, later)
	c.up(t, later, "one")
	elsewhere := core("Secret", "other", "elsewhere", "one")
	expect.Create(t, c.Consumer, elsewhere)
	c.up(t, elsewhere, "one")
	// W9: of the same name, in a namespace that nothing refers to.
	c.notUp(t, unrelated)
	// W42: the reference changes.
	expect.Change(t, c.Consumer, r, expect.Set("other", "spec", "secretRef", "namespace"))
	c.gone(t, secret)
	expect.Exists(t, c.Consumer, secret)
	c.up(t, unrelated, "one")
	expect.Delete(t, c.Consumer, r)
	c.gone(t, unrelated)
	c.gone(t, later)
}

func claimFromProvider(t *testing.T, c claimable) {
	// Something has to be in the namespace for the provider to have it.
	expect.Create(t, c.Consumer, ranch("team", "anchor", expect.Set(map[string]any{"name": "credentials"}, "spec", "secretRef")))
	expect.Exists(t, c.Provider, ranch(c.there("team"), "anchor"))

	labelled, credentials := core("Secret", "team", "from-provider", "one", "app", "ranch"), core("Secret", "team", "credentials", "s3cret")
	config := core("ConfigMap", "team", "ranch-config", "one")
	for _, o := range []struct {
		kind, name, content string
		labels              []string
	}{
		{"Secret", "from-provider", "one", []string{"app", "ranch"}},
		{"Secret", "credentials", "s3cret", nil},
		{"ConfigMap", "ranch-config", "one", nil},
		{"Secret", "private", "x", []string{kubebindv1alpha2.OwnerLabel, kubebindv1alpha2.OwnerProvider}},
	} {
		expect.Create(t, c.Provider, core(o.kind, c.there("team"), o.name, o.content, o.labels...))
	}
	c.down(t, labelled, "one")
	c.down(t, credentials, "s3cret")
	c.down(t, config, "one")
	stays(t, c.Consumer, core("Secret", "team", "private", "x"))

	expect.Change(t, c.Provider, at(credentials, c.there("team")), expect.Set(encoded("Secret", "rotated"), "data", "content"))
	c.down(t, credentials, "rotated")
	// The consumer's copy is not its own to change or delete.
	expect.Change(t, c.Consumer, credentials, expect.Set(encoded("Secret", "mine"), "data", "content"))
	c.down(t, credentials, "rotated")
	expect.Delete(t, c.Consumer, core("Secret", "team", "credentials", ""))
	c.down(t, credentials, "rotated")
	expect.Delete(t, c.Provider, core("Secret", c.there("team"), "credentials", ""))
	expect.Gone(t, c.Consumer, credentials)
}

// Objects of the exported resource that the provider made come down, with their status; the consumer's go up as ever.
func claimExported(t *testing.T, c claimable) {
	given, mine := ranch("team", "given", expect.Set("ranch", "metadata", "labels", "app")), ranch("team", "labelled", expect.Set("ranch", "metadata", "labels", "app"))
	private := ranch("team", "private")
	expect.Create(t, c.Consumer, mine)
	expect.Create(t, c.Provider, at(private, c.there("team")))
	expect.Create(t, c.Provider, at(given, c.there("team")))
	expect.ChangeStatus(t, c.Provider, at(given, c.there("team")), expect.Set("fine", "status", "result"))
	here := expect.Has(t, c.Consumer, given, "fine", "status", "result")
	if len(here.GetFinalizers()) > 0 || here.GetLabels()[kubebindv1alpha2.OwnerLabel] != kubebindv1alpha2.OwnerProvider {
		t.Errorf("the consumer has it with finalizers %v and labels %v", here.GetFinalizers(), here.GetLabels())
	}
	there := expect.Exists(t, c.Provider, at(mine, c.there("team")))
	if there.GetLabels()[kubebindv1alpha2.OwnerLabel] != "" {
		t.Errorf("the consumer's own is labelled %v", there.GetLabels())
	}
	expect.Change(t, c.Provider, at(given, c.there("team")), expect.Set("rest", "spec", "intent"))
	expect.Has(t, c.Consumer, given, "rest", "spec", "intent")
	stays(t, c.Consumer, private)
	expect.Delete(t, c.Provider, at(given, c.there("team")))
	expect.Gone(t, c.Consumer, given)
	expect.Exists(t, c.Provider, at(mine, c.there("team")))
}

// The provider makes the export anew, with another claim on Secrets: what is claimed by then goes up,
// and what is not any more is taken back.
func claimChanges(t *testing.T, c claimable) {
	before, after := core("Secret", "team", "before", "one", "app", "ranch"), core("Secret", "team", "after", "one", "app", "farm")
	expect.Create(t, c.Consumer, before)
	expect.Create(t, c.Consumer, after)
	c.up(t, before, "one")
	c.notUp(t, after)

	template := parsed(t, ranchTemplate)
	expect.Change(t, c.Provider, template, expect.Set([]any{
		map[string]any{"group": "", "resource": "secrets", "selector": map[string]any{"labelSelector": map[string]any{"matchLabels": map[string]any{"app": "farm"}}}},
	}, "spec", "permissionClaims"))
	identity, err := c.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	named := metav1.ObjectMeta{Namespace: c.place.Namespace, Name: ranches}
	for _, o := range []client.Object{
		&kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: metav1.ObjectMeta{Namespace: pair.RequestNamespace(identity), Name: ranches}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: pair.RequestNamespace(identity), Name: ranches + kubebindv1alpha2.BindingResponseSecretSuffix}},
		&kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: named},
		&kubebindv1alpha2.APIServiceExport{ObjectMeta: named},
	} {
		// The Secret goes with the request, if the garbage collector is quicker.
		if err := client.IgnoreNotFound(c.Provider.Client.Delete(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
		expect.Gone(t, c.Provider, o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	if _, err := c.Request(ctx, ranches, ranches, identity); err != nil {
		t.Fatal(err)
	}
	c.up(t, after, "one")
	c.gone(t, before)
	expect.Exists(t, c.Consumer, before)
	expect.Event(t, c.Consumer, &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: ranches}}, "ClaimsChanged")
}
