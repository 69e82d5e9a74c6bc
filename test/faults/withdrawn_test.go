// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// withdraw deletes an export. The request that made it goes with it; the one that is returned makes it again.
func withdraw(t *testing.T, p *pair.Pair, place *pair.Place, name string) *kubebindv1alpha2.APIServiceExportRequest {
	t.Helper()
	request := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: name}}
	expect.Eventually(t, "the request should be answered, or it makes the export again", func(ctx context.Context) error {
		err := p.Provider.Client.Get(ctx, keyOf(request), request)
		if err == nil && request.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
			err = fmt.Errorf("it is %+v", request.Status)
		}
		return err
	})
	expect.Delete(t, p.Provider, &kubebindv1alpha2.APIServiceExport{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: name}})
	expect.Gone(t, p.Provider, request)
	return &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: name}, Spec: request.Spec}
}

// The provider withdraws an API that is in use: what is here stays and can be deleted; what the provider has stays; and
// if the API comes back, it goes on.
func TestExportDeletedWhileObjectsExist(t *testing.T) {
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "withdrawn")
	providerNS := place.Namespace + "-" + ns
	for _, name := range []string{"kept", "deleted"} {
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, name))
	}
	again := withdraw(t, p, place, "cowboys")
	b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
	expect.Event(t, p.Consumer, expect.Cowboy(ns, "kept"), namespaces.ReasonExportGone)

	expect.Delete(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	expect.Gone(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	for _, name := range []string{"kept", "deleted"} {
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, name))
	}
	expect.Exists(t, p.Consumer, expect.Cowboy(ns, "kept"))
	expect.Change(t, p.Consumer, expect.Cowboy(ns, "kept"), expect.Set("wait", "spec", "intent"))

	expect.Create(t, p.Provider, again)
	expect.Has(t, p.Provider, expect.Cowboy(providerNS, "kept"), "wait", "spec", "intent")
	expect.Gone(t, p.Provider, expect.Cowboy(providerNS, "deleted"))
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
}

// The provider makes an export again without one of its resources: what is here of it stays and can be deleted, and so can its CRD and
// the binding; the rest goes on.
func TestExportMadeAgainWithoutAResource(t *testing.T) {
	t.Parallel()
	crd := func(plural string) *apiextensionsv1.CustomResourceDefinition {
		return &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + ".wildwest.dev"}}
	}
	for name, tc := range map[string]struct {
		stays, goes string
		end         func(t *testing.T, b *kubebindv1alpha2.APIServiceBinding)
	}{
		"the CRD is deleted": {"barns", "farms", func(t *testing.T, b *kubebindv1alpha2.APIServiceBinding) {
			expect.Delete(t, world.Consumer, crd("farms"))
			b = bindingHas(t, b.Name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
			if len(b.Status.BoundSchemas) != 1 {
				t.Errorf("the binding remembers %+v", b.Status.BoundSchemas)
			}
		}},
		"the binding is deleted": {"huts", "fields", func(t *testing.T, b *kubebindv1alpha2.APIServiceBinding) {
			expect.Delete(t, world.Consumer, b)
			expect.Gone(t, world.Consumer, b)
			expect.Gone(t, world.Consumer, crd("huts"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			stays, goes := bindBoth(t, tc.stays, tc.goes)
			ns := expect.Namespace(t, world.Consumer, tc.goes)
			expect.Create(t, world.Consumer, stays.object(ns, "one"))
			expect.Exists(t, world.Provider, stays.object(there(ns), "one"))
			for _, name := range []string{"kept", "deleted"} {
				expect.Create(t, world.Consumer, goes.object(ns, name))
				expect.Exists(t, world.Provider, goes.object(there(ns), name))
			}
			again := withdraw(t, world.Pair, world.place, tc.goes)
			again.Spec.Resources = again.Spec.Resources[:1]
			expect.Create(t, world.Provider, again)
			b := bindingHas(t, tc.goes, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonResourceWithdrawn)
			if message := says(b, kubebindv1alpha2.ConditionReady); !strings.Contains(message, crd(tc.goes).Name) {
				t.Errorf("it says %q", message)
			}
			expect.Event(t, world.Consumer, goes.object(ns, "kept"), namespaces.ReasonExportGone)
			expect.Change(t, world.Consumer, stays.object(ns, "one"), expect.Set("wait", "spec", "intent"))
			expect.Has(t, world.Provider, stays.object(there(ns), "one"), "wait", "spec", "intent")
			expect.Delete(t, world.Consumer, goes.object(ns, "deleted"))
			expect.Gone(t, world.Consumer, goes.object(ns, "deleted"))
			expect.Exists(t, world.Consumer, goes.object(ns, "kept"))

			tc.end(t, b)
			expect.Gone(t, world.Consumer, crd(tc.goes))
			expect.Exists(t, world.Provider, goes.object(there(ns), "kept"))
		})
	}
}

// The provider makes an export again with another isolation: the copies of cluster-scoped objects stay where they are, and nothing else is
// made of them, until the old isolation comes back or the objects are gone.
func TestExportMadeAgainWithAnotherIsolation(t *testing.T) {
	t.Parallel()
	p, _ := ownPair(t, "--isolation=prefixed", "--consumer-scope=cluster")
	for _, file := range []string{"crd-sheriffs.yaml", "template-sheriffs.yaml"} {
		name, err := pair.Example(t.Context(), file)
		if err == nil {
			err = p.ApplyTemplate(t.Context(), name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	place, err := p.Bind(t.Context(), "sheriffs", "sheriffs")
	if err != nil {
		t.Fatal(err)
	}
	sheriffs := api{"sheriffs", "Sheriff"}
	copied := func(name string) *unstructured.Unstructured { return sheriffs.object("", place.Namespace+"-"+name) }
	expect.Create(t, p.Consumer, sheriffs.object("", "pat"))
	before := expect.Exists(t, p.Provider, copied("pat"))

	madeAgain(t, p, place, "--isolation=none")
	b := waitBinding(t, p, "sheriffs", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonIsolationChanged)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonIsolationChanged)
	expect.Event(t, p.Consumer, sheriffs.object("", "pat"), kubebindv1alpha2.ReasonIsolationChanged)
	expect.Change(t, p.Consumer, sheriffs.object("", "pat"), expect.Set("wait", "spec", "intent"))
	expect.Never(t, "the copy must stay as it is, and there must be no other", func(ctx context.Context) error {
		now, err := expect.Get(ctx, p.Provider, copied("pat"))
		if err == nil && now.GetResourceVersion() != before.GetResourceVersion() {
			err = errors.New("the copy was written to")
		}
		if _, other := expect.Get(ctx, p.Provider, sheriffs.object("", "pat")); !apierrors.IsNotFound(other) {
			err = errors.Join(err, fmt.Errorf("another copy: %w", other))
		}
		return err
	})

	madeAgain(t, p, place, "--isolation=prefixed")
	if now := expect.Has(t, p.Provider, copied("pat"), "wait", "spec", "intent"); now.GetUID() != before.GetUID() {
		t.Error("the copy is another one")
	}
	waitBinding(t, p, "sheriffs", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")

	madeAgain(t, p, place, "--isolation=none")
	waitBinding(t, p, "sheriffs", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonIsolationChanged)
	expect.Delete(t, p.Consumer, sheriffs.object("", "pat"))
	expect.Gone(t, p.Consumer, sheriffs.object("", "pat"))
	waitBinding(t, p, "sheriffs", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	expect.Create(t, p.Consumer, sheriffs.object("", "jo"))
	expect.Exists(t, p.Provider, sheriffs.object("", "jo"))
	// It stands for no object here any more.
	expect.Gone(t, p.Provider, copied("pat"))
}

// madeAgain has the sheriffs' export made again by a backend that has other arguments.
func madeAgain(t *testing.T, p *pair.Pair, place *pair.Place, args ...string) {
	t.Helper()
	again := withdraw(t, p, place, "sheriffs")
	waitBinding(t, p, "sheriffs", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
	if err := errors.Join(p.Backend().Stop(), p.StartBackend(args...)); err != nil {
		t.Fatal(err)
	}
	expect.Create(t, p.Provider, again)
}

// bindBoth binds two variants of the example API by one binding, which has the name of the second.
func bindBoth(t *testing.T, first, second string) (a, b api) {
	t.Helper()
	template := &kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: first + "-and-" + second}}
	template.Spec.Scope = kubebindv1alpha2.NamespacedScope
	apis := make([]api, 0, 2)
	for _, plural := range []string{first, second} {
		kind, err := world.OfferVariant(t.Context(), plural)
		if err != nil {
			t.Fatal(err)
		}
		apis = append(apis, api{plural, kind})
		template.Spec.Resources = append(template.Spec.Resources, kubebindv1alpha2.ExportedResource{
			GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: plural},
		})
	}
	expect.Create(t, world.Provider, template)
	if _, err := world.Bind(t.Context(), second, template.Name); err != nil {
		t.Fatal(err)
	}
	return apis[0], apis[1]
}
