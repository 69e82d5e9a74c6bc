// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/test/attack"
)

// newLent makes a namespace that is lent to consumers, who ask for it.
func newLent(t *testing.T, suffix, to string, consumers ...consumer) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: unique(t) + suffix, Annotations: map[string]string{kubebindv1alpha2.AllowAdoptionAnnotation: to}}}
	create(t, admin(t), ns)
	for _, c := range consumers {
		c.serviceNamespace(t, ns.Name)
	}
	return ns.Name
}

// SEC-3: in a namespace that is lent to two consumers, each works with its own objects; what is the other's it leaves alone, and of the
// provider's it changes labels at most. There is no policy of the chart here.
func TestSEC3LentNamespacesAreFenced(t *testing.T) {
	for name, claims := range map[string]func(*kubebindv1alpha2.APIServiceExportTemplateSpec){"claims": claimsOf, "bare": nil} {
		t.Run(name, func(t *testing.T) {
			start(t, func(o *backend.Options) { o.Isolation = kubebindv1alpha2.IsolationNone })
			a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
			template, requests := newTemplate(t, "", claims, a), newNamespace(t, "-requests")
			one, two := bind(t, requests, "one", t.Name()+"1", template.Name), bind(t, requests, "two", t.Name()+"2", template.Name)
			lent := newLent(t, "-lent", one.namespace+", "+two.namespace, one, two)
			object := func(of consumer, name string) *unstructured.Unstructured {
				o := a.object(lent, name)
				o.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: of.namespace})
				return o
			}
			mine, theirs := create(t, one.Client, object(one, "mine")), create(t, two.Client, object(two, "theirs"))
			for what, err := range writes(t.Context(), one.Client, mine, object(one, "fresh")) {
				if err != nil {
					t.Errorf("the consumer may not %s its own: %v", what, err)
				}
			}
			forbidden(t, writes(t.Context(), one.Client, theirs, object(two, "other")))
			lentAttacks(t, one, theirs, create(t, admin(t), a.object(lent, "providers")), create(t, one.Client, object(one, "kept")))
			forbidden(t, map[string]error{"create without mark": one.Create(t.Context(), a.object(lent, "unmarked"))})
			if claims != nil {
				hers, own := copyOf(two, &corev1.Secret{}, lent, "theirs"), copyOf(one, &corev1.Secret{}, lent, "mine")
				providers := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: lent, Name: "providers"}}
				lentAttacks(t, one, create(t, two.Client, hers), create(t, admin(t), providers), create(t, one.Client, own))
			}
		})
	}
}

// lentAttacks are what a consumer tries on objects of one kind in a namespace that is lent to it and to another one: the other's, the
// provider's, and its own.
func lentAttacks(t *testing.T, c consumer, theirs, providers, own client.Object) {
	t.Helper()
	merge := func(patch string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(patch)) }
	content := merge(`{"data":{"a":"eA=="}}`)
	mark := func(namespace string) client.Patch {
		return merge(`{"metadata":{"annotations":{"` + kubebindv1alpha2.ClusterNamespaceAnnotation + `":"` + namespace + `"}}}`)
	}
	owner := func(side string) client.Patch {
		return merge(`{"metadata":{"labels":{"` + kubebindv1alpha2.OwnerLabel + `":"` + side + `"}}}`)
	}
	try := func(o client.Object, patch client.Patch) error {
		return c.Patch(t.Context(), o.DeepCopyObject().(client.Object), patch)
	}
	if err := errors.Join(try(own, content), try(own, owner("consumer")), try(providers, owner("provider"))); err != nil {
		t.Errorf("a consumer may not write its own, or say that something is the provider's: %v", err)
	}
	forbidden(t, map[string]error{
		"change the other's":         try(theirs, content),
		"label the other's":          try(theirs, owner("provider")),
		"take the other's":           try(theirs, mark(c.namespace)),
		"have it deleted":            try(theirs, merge(attack.Orphaned)),
		"take its mark away":         try(theirs, merge(`{"metadata":{"annotations":null}}`)),
		"delete the other's":         c.Delete(t.Context(), theirs.DeepCopyObject().(client.Object)),
		"change the provider's":      try(providers, content),
		"take the provider's":        try(providers, mark(c.namespace)),
		"label it as given":          try(providers, owner("consumer")),
		"have that deleted":          try(providers, merge(attack.Orphaned)),
		"keep that from deletion":    try(providers, merge(attack.Kept)),
		"delete the provider's":      c.Delete(t.Context(), providers.DeepCopyObject().(client.Object)),
		"put its own under another":  try(own, mark("kube-bind-other")),
		"change the marks of no one": try(providers, mark("kube-bind-other")),
	})
	// What the provider gives, which is without mark, can be taken.
	if err := admin(t).Patch(t.Context(), providers, owner("consumer")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(try(providers, content), try(providers, mark(c.namespace))); err != nil {
		t.Errorf("a consumer may not take what it is given: %v", err)
	}
}
