// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

// example offers an example CRD by a template of its name.
func example(t *testing.T, p *pair.Pair, file string) {
	t.Helper()
	name, err := pair.Example(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	offer(t, p, parsed(t, string(data)))
}

func sheriff(name string) *unstructured.Unstructured {
	o := expect.Cowboy("", name)
	o.SetKind("Sheriff")
	return o
}

// Where objects go is what the architecture's table says, in every combination that makes sense.
func TestIsolations(t *testing.T) {
	t.Parallel()
	const cowboys, sheriffs = "cowboys.wildwest.dev", "sheriffs.wildwest.dev"
	for name, tc := range map[string]struct {
		terms pair.Terms
		// Names on the provider for cowboy billy of a namespace and sheriff pat; "CN" is the contract namespace.
		cowboy  func(cn, ns string) *unstructured.Unstructured
		sheriff func(cn string) *unstructured.Unstructured // nil: refused
		// A cowboy is cluster-scoped in the consumer.
		flipped bool
	}{
		"prefixed, cluster": {
			terms:   pair.Terms{Isolation: kubebindv1alpha2.IsolationPrefixed, Scope: kubebindv1alpha2.ClusterScope},
			cowboy:  func(cn, ns string) *unstructured.Unstructured { return expect.Cowboy(cn+"-"+ns, "billy") },
			sheriff: func(cn string) *unstructured.Unstructured { return sheriff(cn + "-pat") },
		},
		"SEC-19 none, cluster": {
			terms:   pair.Terms{Isolation: kubebindv1alpha2.IsolationNone, Scope: kubebindv1alpha2.ClusterScope},
			cowboy:  func(_, ns string) *unstructured.Unstructured { return expect.Cowboy(ns, "billy") },
			sheriff: func(string) *unstructured.Unstructured { return sheriff("pat") },
		},
		"none, namespaced": {
			terms:  pair.Terms{Isolation: kubebindv1alpha2.IsolationNone, Scope: kubebindv1alpha2.NamespacedScope},
			cowboy: func(_, ns string) *unstructured.Unstructured { return expect.Cowboy(ns, "billy") },
		},
		"namespaced, namespaced": {
			terms:   pair.Terms{Isolation: kubebindv1alpha2.IsolationNamespaced, Scope: kubebindv1alpha2.NamespacedScope},
			cowboy:  func(cn, _ string) *unstructured.Unstructured { return expect.Cowboy(cn, "billy") },
			flipped: true,
		},
		"namespaced, cluster": {
			terms:   pair.Terms{Isolation: kubebindv1alpha2.IsolationNamespaced, Scope: kubebindv1alpha2.ClusterScope},
			cowboy:  func(cn, _ string) *unstructured.Unstructured { return expect.Cowboy(cn, "billy") },
			flipped: true,
		},
	} {
		if !world.Kind().Allows(tc.terms) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, arguments(tc.terms)...)
			example(t, p, "crd-cowboys.yaml")
			example(t, p, "crd-sheriffs.yaml")
			own := sheriff("providers-own")
			makeOwn := func() {
				expect.Eventually(t, "the provider's own object", func(ctx context.Context) error { return p.Provider.Client.Create(ctx, own) })
			}
			if !world.place.Own {
				makeOwn()
			}
			place := bind(t, p, cowboys)
			here := expect.Cowboy("", "billy")
			if !tc.flipped {
				here.SetNamespace(expect.Namespace(t, p.Consumer, "team"))
			}
			roundTrip(t, p, here, tc.cowboy(place.Namespace, "team"))
			if tc.sheriff != nil {
				bind(t, p, sheriffs)
				if world.place.Own {
					makeOwn() // in the consumer's workspace, which there has not been before
				}
				roundTrip(t, p, sheriff("pat"), tc.sheriff(place.Namespace))
				if _, err := expect.Get(t.Context(), p.Consumer, own); !apierrors.IsNotFound(err) {
					t.Errorf("the provider's own object is in the consumer: %v", err)
				}
			} else {
				refused(t, p, sheriffs)
			}
			untouched := func() {
				if now := expect.Exists(t, p.Provider, own); now.GetUID() != own.GetUID() || now.GetResourceVersion() != own.GetResourceVersion() {
					t.Error("the provider's own object was written to")
				}
			}
			untouched()
			goesAlone(t, p, place, here, tc.cowboy)
			// What the provider had of the type before is no consumer's, not even without isolation; but a workspace goes as a whole.
			if !world.place.Own {
				untouched()
			}
		})
	}
}

// goesAlone unbinds one of two consumers, and then removes it: its copies go, and what is the other's stays as it is. The
// other one binds by a bundle.
func goesAlone(t *testing.T, p *pair.Pair, place *pair.Place, here *unstructured.Unstructured, there func(cn, ns string) *unstructured.Unstructured) {
	const cowboys = "cowboys.wildwest.dev"
	n, err := p.Neighbour(t.Context(), "neighbour")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopPair(t, n) })
	identity, err := n.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := &bundler{Pair: n, t: t, identity: identity}
	other.export(cowboys)
	other.ready(cowboys, other.bundle("all", ""))
	mine, theirs := here.DeepCopy(), here.DeepCopy()
	if here.GetNamespace() != "" {
		// Without isolation both would mean the same namespace, and the second is refused it.
		theirs.SetNamespace(expect.Namespace(t, n.Consumer, "others"))
	}
	expect.Create(t, p.Consumer, mine.DeepCopy())
	expect.Create(t, n.Consumer, theirs.DeepCopy())
	expect.Exists(t, p.Provider, there(place.Namespace, mine.GetNamespace()))
	before := expect.Exists(t, n.Provider, there(other.place.Namespace, theirs.GetNamespace()))

	unbound(t, p, cowboys)
	expect.Gone(t, p.Provider, there(place.Namespace, mine.GetNamespace()))
	// A request that was refused for now goes on asking, and would have the place made again.
	self, err := p.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Provider.Client.DeleteAllOf(t.Context(), &kubebindv1alpha2.BindableResourcesRequest{}, client.InNamespace(pair.RequestNamespace(self))); err != nil {
		t.Fatal(err)
	}
	expect.Delete(t, p.Provider, &kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}})
	expect.Gone(t, p.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place.Namespace}})
	after := expect.Exists(t, n.Provider, there(other.place.Namespace, theirs.GetNamespace()))
	if after.GetUID() != before.GetUID() || after.GetResourceVersion() != before.GetResourceVersion() {
		t.Error("the other's copy was written to")
	}
	expect.Change(t, n.Consumer, theirs, expect.Set("rest", "spec", "intent"))
	expect.Has(t, n.Provider, there(other.place.Namespace, theirs.GetNamespace()), "rest", "spec", "intent")
}

func stopPair(t *testing.T, p *pair.Pair) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func roundTrip(t *testing.T, p *pair.Pair, here, there *unstructured.Unstructured) {
	t.Helper()
	expect.Create(t, p.Consumer, here.DeepCopy())
	expect.Has(t, p.Provider, there, leak.Body, "spec", "intent")
	expect.ChangeStatus(t, p.Provider, there, expect.Set("safe", "status", "result"))
	expect.Has(t, p.Consumer, here, "safe", "status", "result")
	expect.Change(t, p.Consumer, here, expect.Set("rest", "spec", "intent"))
	expect.Has(t, p.Provider, there, "rest", "spec", "intent")
	expect.Delete(t, p.Consumer, here)
	expect.Gone(t, p.Consumer, here)
	expect.Gone(t, p.Provider, there)
}

// refused asks for a resource that cannot be had under this backend's terms: the answer says so, and why.
func refused(t *testing.T, p *pair.Pair, template string) {
	t.Helper()
	identity, err := p.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request, err := p.CreateRequest(t.Context(), template, template, identity)
	if err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "the request should be answered with a reason", func(ctx context.Context) error {
		if err := p.Provider.Client.Get(ctx, keyOf(request), request); err != nil {
			return err
		}
		for _, c := range request.Status.Conditions {
			if c.Reason == kubebindv1alpha2.ReasonExportNotReady && strings.Contains(c.Message, kubebindv1alpha2.ReasonScopeNotSupported) {
				return nil
			}
		}
		return fmt.Errorf("it says %+v", request.Status.Conditions)
	})
}

// Two consumers of one provider do not meet: equal names are two objects, statuses and deletes stay apart, and the API
// server lets neither at what is the other's.
func TestConsumersAreKeptApart(t *testing.T) {
	ctx := t.Context()
	p, place := world.Pair, world.place
	other, err := p.Neighbour(ctx, "neighbour")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Stop(); err != nil {
			t.Error(err)
		}
	}()
	otherPlace, err := other.Bind(ctx, "cowboys", "cowboys")
	if err != nil {
		t.Fatal(err)
	}
	if otherPlace.Namespace == place.Namespace {
		t.Fatal("both consumers have one place")
	}
	here := expect.Cowboy("apart", "billy")
	mine, theirs := expect.Cowboy(place.There("apart"), "billy"), expect.Cowboy(otherPlace.There("apart"), "billy")
	for _, one := range []*pair.Pair{p, other} {
		expect.Namespace(t, one.Consumer, "apart")
		expect.Create(t, one.Consumer, here.DeepCopy())
	}
	expect.Exists(t, p.Provider, mine)
	expect.Exists(t, other.Provider, theirs)
	expect.ChangeStatus(t, other.Provider, theirs, expect.Set("theirs", "status", "result"))
	expect.Has(t, other.Consumer, here, "theirs", "status", "result")
	expect.Lacks(t, p.Consumer, here, "status", "result")

	cannotReach(t, place, otherPlace, theirs)
	cannotReach(t, otherPlace, place, mine)

	expect.Delete(t, p.Consumer, here)
	expect.Gone(t, p.Provider, mine)
	expect.Never(t, "the other's object must stay", func(ctx context.Context) error {
		_, here1 := expect.Get(ctx, other.Consumer, here)
		_, there := expect.Get(ctx, other.Provider, theirs)
		return errors.Join(here1, there)
	})
}

// cannotReach tries with one consumer's credential at what is another's.
func cannotReach(t *testing.T, by, of *pair.Place, object *unstructured.Unstructured) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(by.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	whose, err := clientcmd.RESTConfigFromKubeConfig(of.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Host = whose.Host // with a kcp another one
	c, err := pair.Client(config)
	if err != nil {
		t.Fatal(err)
	}
	secret := &unstructured.Unstructured{}
	secret.SetAPIVersion("v1")
	secret.SetKind("Secret")
	secret.SetNamespace(of.Namespace)
	secret.SetName(kubebindv1alpha2.KubeconfigSecretName)
	binding := &kubebindv1alpha2.ClusterBinding{}
	binding.Namespace, binding.Name = of.Namespace, kubebindv1alpha2.ClusterBindingName
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(object.GroupVersionKind())
	for what, err := range map[string]error{
		"read the object":         c.Get(t.Context(), keyOf(object), object.DeepCopy()),
		"update the object":       c.Update(t.Context(), object.DeepCopy()),
		"delete the object":       c.Delete(t.Context(), object.DeepCopy()),
		"list all objects":        c.List(t.Context(), list),
		"read the credential":     c.Get(t.Context(), keyOf(secret), secret.DeepCopy()),
		"read the ClusterBinding": c.Get(t.Context(), keyOf(binding), binding),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s can %s of %s: %v", by.Namespace, what, of.Namespace, err)
		}
	}
}
