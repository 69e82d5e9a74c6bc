// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/test/attack"
)

// claimsOf claims Secrets by label, one ConfigMap by name, and ServiceAccounts by nothing.
func claimsOf(spec *kubebindv1alpha2.APIServiceExportTemplateSpec) {
	core := func(resource string, selector kubebindv1alpha2.Selector) kubebindv1alpha2.PermissionClaim {
		return kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: resource}, Selector: selector}
	}
	spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{
		core("secrets", kubebindv1alpha2.Selector{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}}),
		core("configmaps", kubebindv1alpha2.Selector{NamedResources: []kubebindv1alpha2.NamedResource{{Name: "named"}}}),
		core("serviceaccounts", kubebindv1alpha2.Selector{}),
	}
}

// SEC-4, W11, W16: what a consumer may do with claimed objects, by its own credential: with its copies all, with what the
// provider has beside them to say whose they are, elsewhere nothing, and never to become a ServiceAccount.
func TestSEC4ClaimedObjectsAreFenced(t *testing.T) {
	for name, tc := range map[string]struct {
		scope     kubebindv1alpha2.InformerScope
		isolation kubebindv1alpha2.Isolation
	}{
		"np": {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationPrefixed},
		"cn": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNamespaced},
		"c0": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNone},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, func(o *backend.Options) { o.ConsumerScope, o.Isolation = tc.scope, tc.isolation })
			a := newAPI(t, "papayas", apiextensionsv1.NamespaceScoped)
			template := newTemplate(t, "", claimsOf, a)
			requests := newNamespace(t, "-requests")
			one := bind(t, requests, "one", t.Name()+"1", template.Name)
			two := bind(t, requests, "two", t.Name()+"2", template.Name)
			home, other := one.serviceNamespace(t, unique(t)+"1"), two.serviceNamespace(t, unique(t)+"2")
			claimedWrites(t, one, home)
			claimedAttacks(t, one, home, other)
		})
	}
}

func copyOf(c consumer, o client.Object, namespace, name string) client.Object {
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(map[string]string{kubebindv1alpha2.OwnerLabel: kubebindv1alpha2.OwnerConsumer})
	o.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: c.namespace})
	return o
}

func claimedWrites(t *testing.T, c consumer, home string) {
	t.Helper()
	ctx := t.Context()
	admin := clusterOf(t).GetClient()
	given := create(t, admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "given"}, StringData: map[string]string{"a": "b"}})
	let := create(t, admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "let", Labels: map[string]string{kubebindv1alpha2.OwnerLabel: kubebindv1alpha2.OwnerConsumer}}})
	secret, config := copyOf(c, &corev1.Secret{}, home, "mine"), copyOf(c, &corev1.ConfigMap{}, home, "named")
	label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+kubebindv1alpha2.OwnerLabel+`":"provider"}}}`))
	data := client.RawPatch(types.MergePatchType, []byte(`{"data":{"a":"Yg=="}}`))
	for _, try := range []struct {
		what string
		do   func() error
	}{
		{"list Secrets there", func() error { return c.List(ctx, &corev1.SecretList{}, client.InNamespace(home)) }},
		{"create a copy", func() error { return c.Create(ctx, secret) }},
		{"change a copy", func() error { return c.Patch(ctx, secret, data) }},
		{"create a named copy", func() error { return c.Create(ctx, config) }},
		{"list the named one", func() error {
			return c.List(ctx, &corev1.ConfigMapList{}, client.InNamespace(home), client.MatchingFields{"metadata.name": "named"})
		}},
		{"label what the provider gave", func() error { return c.Patch(ctx, given.DeepCopy(), label) }},
		{"take over what the provider let it have", func() error { return c.Patch(ctx, let.DeepCopy(), data) }},
		{"delete a copy", func() error { return c.Delete(ctx, secret) }},
		{"delete the named copy", func() error { return c.Delete(ctx, config) }},
	} {
		if err := try.do(); err != nil {
			t.Errorf("the consumer may not %s: %v", try.what, err)
		}
	}
}

func claimedAttacks(t *testing.T, c consumer, home, other string) {
	t.Helper()
	ctx := t.Context()
	admin := clusterOf(t).GetClient()
	own := create(t, admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "own"}, StringData: map[string]string{"a": "b"}})
	owned := create(t, admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "owned",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Secret", Name: own.Name, UID: own.UID}}}})
	unmarked := copyOf(c, &corev1.Secret{}, home, "unmarked")
	unmarked.SetAnnotations(nil)
	stolen := copyOf(c, &corev1.Secret{}, home, "stolen")
	stolen.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: "kube-bind-other"})
	token := copyOf(c, &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken}, home, "token")
	token.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: c.namespace, corev1.ServiceAccountNameKey: "default"})
	data := client.RawPatch(types.MergePatchType, []byte(`{"data":{"a":"eA=="}}`))
	marks := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+kubebindv1alpha2.ClusterNamespaceAnnotation+`":"`+c.namespace+`"}}}`))
	label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+kubebindv1alpha2.OwnerLabel+`":"consumer"}}}`))
	forbidden(t, map[string]error{
		"create without marks":                c.Create(ctx, unmarked),
		"create with another's marks":         c.Create(ctx, stolen),
		"make itself a token":                 c.Create(ctx, token),
		"change what is the provider's":       c.Patch(ctx, own.DeepCopy(), data),
		"mark it as its own":                  c.Patch(ctx, own.DeepCopy(), marks),
		"label it as its own":                 c.Patch(ctx, own.DeepCopy(), label),
		"delete what is the provider's":       c.Delete(ctx, own.DeepCopy()),
		"have it deleted with no owner":       c.Patch(ctx, own.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(attack.Orphaned))),
		"keep it from being deleted":          c.Patch(ctx, own.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(attack.Kept))),
		"take its owner away":                 c.Patch(ctx, owned.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`))),
		"create a ServiceAccount":             c.Create(ctx, copyOf(c, &corev1.ServiceAccount{}, home, "x")),
		"list ConfigMaps":                     c.List(ctx, &corev1.ConfigMapList{}, client.InNamespace(home)),
		"change a ConfigMap of another name":  c.Patch(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "kube-root-ca.crt"}}, data),
		"list the other's Secrets":            c.List(ctx, &corev1.SecretList{}, client.InNamespace(other)),
		"create in the other's namespace":     c.Create(ctx, copyOf(c, &corev1.Secret{}, other, "x")),
		"list Secrets of the cluster":         c.List(ctx, &corev1.SecretList{}),
		"list Secrets of the place":           c.List(ctx, &corev1.SecretList{}, client.InNamespace(c.namespace)),
		"create in the place":                 c.Create(ctx, copyOf(c, &corev1.Secret{}, c.namespace, "x")),
		"change the place's own credential":   c.Patch(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "kubeconfig"}}, data),
		"create a Secret in kube-system":      c.Create(ctx, copyOf(c, &corev1.Secret{}, "kube-system", "x")),
		"read the provider's Secrets by name": c.Get(ctx, client.ObjectKey{Namespace: "default", Name: "x"}, &corev1.Secret{}),
	})
}
