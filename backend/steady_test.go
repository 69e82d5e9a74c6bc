// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
)

// versions are the resource versions of all that belongs to a consumer.
func versions(t *testing.T, c consumer) map[string]string {
	t.Helper()
	out := map[string]string{}
	add := func(kind string, obj client.Object) {
		out[kind+" "+obj.GetNamespace()+"/"+obj.GetName()] = obj.GetResourceVersion()
	}
	in := client.InNamespace(c.namespace)
	labelled := client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: c.namespace}
	lists := map[string]struct {
		list client.ObjectList
		opt  client.ListOption
	}{
		"export":     {&kubebindv1alpha2.APIServiceExportList{}, in},
		"request":    {&kubebindv1alpha2.APIServiceExportRequestList{}, in},
		"schema":     {&kubebindv1alpha2.BoundSchemaList{}, in},
		"apins":      {&kubebindv1alpha2.APIServiceNamespaceList{}, in},
		"binding":    {&kubebindv1alpha2.ClusterBindingList{}, in},
		"secret":     {&corev1.SecretList{}, in},
		"role":       {&rbacv1.RoleList{}, labelled},
		"rb":         {&rbacv1.RoleBindingList{}, labelled},
		"cr":         {&rbacv1.ClusterRoleList{}, labelled},
		"crb":        {&rbacv1.ClusterRoleBindingList{}, labelled},
		"namespaces": {&corev1.NamespaceList{}, labelled},
	}
	for kind, l := range lists {
		if err := admin(t).List(t.Context(), l.list, l.opt); err != nil {
			t.Fatal(err)
		}
		if err := eachItem(l.list, func(obj client.Object) { add(kind, obj) }); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A backend that starts with nothing to do writes nothing, and keeps on writing nothing.
func TestRestartWritesNothing(t *testing.T) {
	mods := func(o *backend.Options) { o.ConsumerScope = kubebindv1alpha2.ClusterScope }
	stop := start(t, mods)
	a, tree := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "trees", apiextensionsv1.ClusterScoped)
	requests := newNamespace(t, "-requests")
	bind(t, requests, "trees", t.Name(), newTemplate(t, "-b", nil, tree).Name)
	c := bind(t, requests, "mangos", t.Name(), newTemplate(t, "-a", nil, a).Name)
	c.serviceNamespace(t, "garden")
	stop()
	before := versions(t, c)
	if len(before) < 15 {
		t.Fatalf("there is less than expected: %v", before)
	}
	start(t, mods)
	// Another consumer's bind shows that it works.
	bind(t, requests, "other", t.Name()+"other", "")
	never(t, "it writes", func(context.Context) error {
		now := versions(t, c)
		for key, version := range now {
			if before[key] != version {
				return errorf("%s: %q became %q", key, before[key], version)
			}
		}
		if len(now) != len(before) {
			return errorf("%d objects became %d", len(before), len(now))
		}
		return nil
	})
}

// A place can be removed under a running backend: nothing comes back.
func TestRemovedPlaceStaysAway(t *testing.T) {
	mods := func(o *backend.Options) { o.ConsumerScope = kubebindv1alpha2.ClusterScope }
	start(t, mods)
	a, tree := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "trees", apiextensionsv1.ClusterScoped)
	requests := newNamespace(t, "-requests")
	bind(t, requests, "trees", t.Name(), newTemplate(t, "-b", nil, tree).Name)
	c := bind(t, requests, "mangos", t.Name(), newTemplate(t, "-a", nil, a).Name)
	ns := c.serviceNamespace(t, "garden")
	create(t, c.Client, a.object(ns, "x"))
	tenancy, err := kube.New(clusterOf(t), kube.Options{NamespacePrefix: "kube-bind-", PrettyName: "P"})
	if err != nil {
		t.Fatal(err)
	}
	place := providers.Place{Cluster: kube.Cluster, Namespace: c.namespace}
	eventually(t, "the place to go", func(ctx context.Context) error { return tenancy.Remove(ctx, place) })
	never(t, "something comes back", func(ctx context.Context) error {
		for _, name := range []string{c.namespace, ns} {
			err := admin(t).Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
			if err == nil {
				return errorf("the namespace %s is there", name)
			}
			if client.IgnoreNotFound(err) != nil {
				return err
			}
		}
		if left := versions(t, c); len(left) > 0 {
			return errorf("there is %v", left)
		}
		return nil
	})
	if err := tenancy.Remove(t.Context(), place); err != nil {
		t.Errorf("removing it again: %v", err)
	}
}

// CRDs that are changed or missing are put right at start.
func TestCRDsAreInstalled(t *testing.T) {
	name := "collections.kube-bind.io"
	crd := get(t, admin(t), "", name, &apiextensionsv1.CustomResourceDefinition{})
	crd.Spec.Names.ShortNames = []string{"odd"}
	if err := admin(t).Update(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	start(t)
	eventually(t, "the CRD to be put right", func(ctx context.Context) error {
		after := &apiextensionsv1.CustomResourceDefinition{}
		if err := admin(t).Get(ctx, client.ObjectKey{Name: name}, after); err != nil {
			return err
		}
		if len(after.Spec.Names.ShortNames) > 0 {
			return errors.New("it is as it was")
		}
		return nil
	})
	create(t, admin(t), &kubebindv1alpha2.Collection{
		ObjectMeta: metav1.ObjectMeta{Name: unique(t)},
		Spec:       kubebindv1alpha2.CollectionSpec{Templates: []kubebindv1alpha2.TemplateReference{{Name: "x"}}},
	})
}
