// SPDX-License-Identifier: Apache-2.0

package providertest

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// testFenced uses the credential of one place against itself and another one.
func testFenced(t *testing.T, w World) {
	mine, theirs := w.place(t, person(t, "a")), w.place(t, person(t, "b"))
	c := w.as(t, mine.Kubeconfig)
	ctx := t.Context()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: mine.Namespace, Name: "private"}}
	if err := w.admin(t, mine).Create(ctx, secret); err != nil {
		t.Fatal(err)
	}
	binding := &kubebindv1alpha2.ClusterBinding{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: mine.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, binding); err != nil {
		t.Fatal(err)
	}
	granted := binding.DeepCopy()
	granted.Spec.ServiceProviderSpec.Raw = []byte(`{"grantedTemplates":["all"]}`)
	in := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	for what, err := range map[string]error{
		"read the other's credential":    c.Get(ctx, client.ObjectKey{Namespace: theirs.Namespace, Name: theirs.KubeconfigSecret.Name}, &corev1.Secret{}),
		"read the other's contract":      c.Get(ctx, client.ObjectKey{Namespace: theirs.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, &kubebindv1alpha2.ClusterBinding{}),
		"list the other's exports":       c.List(ctx, &kubebindv1alpha2.APIServiceExportList{}, client.InNamespace(theirs.Namespace)),
		"ask in the other's name":        c.Create(ctx, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: in(theirs.Namespace, "x")}),
		"list all contracts":             c.List(ctx, &kubebindv1alpha2.ClusterBindingList{}),
		"list all secrets":               c.List(ctx, &corev1.SecretList{}),
		"list the secrets of the place":  c.List(ctx, &corev1.SecretList{}, client.InNamespace(mine.Namespace)),
		"read another secret there":      c.Get(ctx, client.ObjectKeyFromObject(secret), &corev1.Secret{}),
		"read the token itself":          c.Get(ctx, client.ObjectKey{Namespace: mine.Namespace, Name: kubebindv1alpha2.BinderName}, &corev1.Secret{}),
		"make a secret":                  c.Create(ctx, &corev1.Secret{ObjectMeta: in(mine.Namespace, "x")}),
		"list namespaces":                c.List(ctx, &corev1.NamespaceList{}),
		"make a namespace":               c.Create(ctx, &corev1.Namespace{ObjectMeta: in("", "made-by-a-consumer")}),
		"grant itself a template":        c.Patch(ctx, granted, client.MergeFrom(binding)),
		"make an export":                 c.Create(ctx, &kubebindv1alpha2.APIServiceExport{ObjectMeta: in(mine.Namespace, "x")}),
		"give itself a role":             c.Create(ctx, &rbacv1.Role{ObjectMeta: in(mine.Namespace, "x")}),
		"bind itself to a role":          c.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: in(mine.Namespace, "x"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"}}),
		"make itself another account":    c.Create(ctx, &corev1.ServiceAccount{ObjectMeta: in(mine.Namespace, "x")}),
		"ask the backend as a requester": c.Create(ctx, &kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: in(mine.Namespace, "x")}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("the consumer may %s: %v", what, err)
		}
	}
}

func testRemove(t *testing.T, w World) {
	consumer := person(t, "a")
	p, other := w.place(t, consumer), w.place(t, person(t, "b"))
	old := w.as(t, p.Kubeconfig)
	removed := w.admin(t, p)
	w.until(t, "removing the place", func(ctx context.Context) error {
		err := w.Provider.Remove(ctx, providers.Place{Cluster: p.Cluster, Namespace: p.Namespace})
		if p.Cluster != w.Cluster && errors.Is(err, multicluster.ErrClusterNotFound) {
			return nil // with the place its logical cluster has gone
		}
		return err
	})
	key := client.ObjectKey{Namespace: p.Namespace, Name: kubebindv1alpha2.ClusterBindingName}
	if err := old.Get(t.Context(), key, &kubebindv1alpha2.ClusterBinding{}); !apierrors.IsUnauthorized(err) && !w.noCluster(p, err) {
		t.Errorf("the credential is not refused: %v", err)
	}
	if err := removed.Get(t.Context(), key, &kubebindv1alpha2.ClusterBinding{}); !apierrors.IsNotFound(err) && !w.noCluster(p, err) {
		t.Errorf("the ClusterBinding is still there: %v", err)
	}
	key.Namespace = other.Namespace
	if err := w.as(t, other.Kubeconfig).Get(t.Context(), key, &kubebindv1alpha2.ClusterBinding{}); err != nil {
		t.Errorf("the other place suffered: %v", err)
	}
	if again := w.place(t, consumer); string(again.Kubeconfig) == string(p.Kubeconfig) {
		t.Error("a place made anew has the old credential")
	}
}

// noCluster tells whether an API server has refused a request because a place's own logical cluster is gone.
func (w World) noCluster(p *providers.Place, err error) bool {
	return p.Cluster != w.Cluster && (apierrors.IsForbidden(err) || apierrors.IsNotFound(err))
}
