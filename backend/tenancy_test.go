// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// forbidden fails the test if a consumer may do what it should not.
func forbidden(t *testing.T, attempts map[string]error) {
	t.Helper()
	for what, err := range attempts {
		if !apierrors.IsForbidden(err) {
			t.Errorf("the consumer may %s: %v", what, err)
		}
	}
}

// writes are all the ways to write one object of another consumer.
func writes(ctx context.Context, c client.Client, existing, fresh *unstructured.Unstructured) map[string]error {
	stolen := existing.DeepCopy()
	stolen.Object["spec"] = map[string]any{"stolen": true}
	applied := &unstructured.Unstructured{Object: map[string]any{"spec": stolen.Object["spec"]}}
	applied.SetGroupVersionKind(existing.GroupVersionKind())
	applied.SetNamespace(existing.GetNamespace())
	applied.SetName(existing.GetName())
	applied.SetAnnotations(existing.GetAnnotations())
	return map[string]error{
		"create": c.Create(ctx, fresh),
		"update": c.Update(ctx, stolen),
		"patch":  c.Patch(ctx, existing.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"stolen":true}}`))),
		"apply":  c.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("konnector"), client.ForceOwnership),
		"delete": c.Delete(ctx, existing.DeepCopy()),
	}
}

// SEC-3, W12, W16: with two consumers of one template, each works with its own objects, and with nothing of the other.
// That holds however often and in whatever order they bind.
func TestSEC3ConsumersAreApart(t *testing.T) {
	for name, tc := range map[string]struct {
		scope     kubebindv1alpha2.InformerScope
		isolation kubebindv1alpha2.Isolation
	}{
		"np": {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationPrefixed},
		"nn": {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNamespaced},
		"n0": {kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.IsolationNone},
		"cp": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationPrefixed},
		"cn": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNamespaced},
		"c0": {kubebindv1alpha2.ClusterScope, kubebindv1alpha2.IsolationNone},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, func(o *backend.Options) { o.ConsumerScope, o.Isolation = tc.scope, tc.isolation })
			a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
			template := newTemplate(t, "", nil, a)
			requests := newNamespace(t, "-requests")
			one := bind(t, requests, "one", t.Name()+"1", template.Name)
			two := bind(t, requests, "two", t.Name()+"2", template.Name)
			home := func(c consumer, ns string) string {
				if tc.isolation == kubebindv1alpha2.IsolationNamespaced {
					return c.namespace
				}
				return c.serviceNamespace(t, unique(t)+ns)
			}
			homeOne, homeTwo := home(one, "1"), home(two, "2")

			ctx := t.Context()
			mine, theirs := create(t, one.Client, a.object(homeOne, "x")), create(t, two.Client, a.object(homeTwo, "x"))
			for what, err := range writes(ctx, one.Client, mine, a.object(homeOne, "y")) {
				if err != nil {
					t.Errorf("the consumer may not %s its own: %v", what, err)
				}
			}
			for what, err := range writes(ctx, one.Client, theirs, a.object(homeTwo, "z")) {
				forbidden(t, map[string]error{what + " the other's": err})
			}
			forbidden(t, map[string]error{
				"write a status":           one.Status().Patch(ctx, a.object(homeOne, "y"), client.RawPatch(types.MergePatchType, []byte(`{"status":{"a":1}}`))),
				"read the other's secrets": one.List(ctx, &corev1.SecretList{}, client.InNamespace(homeTwo)),
				"read secrets of its own":  one.List(ctx, &corev1.SecretList{}, client.InNamespace(homeOne)),
				"read the namespace":       one.Get(ctx, client.ObjectKey{Name: homeTwo}, &corev1.Namespace{}),
				"write elsewhere":          one.Create(ctx, a.object("default", "x")),
				"read the other's export":  one.Get(ctx, client.ObjectKey{Namespace: two.namespace, Name: "two"}, &kubebindv1alpha2.APIServiceExport{}),
				"delete all of its own":    one.DeleteAllOf(ctx, a.object("", ""), client.InNamespace(homeOne)),
			})
			reads := map[string]error{
				"read the other's":  one.Get(ctx, client.ObjectKeyFromObject(theirs), a.object("", "")),
				"list the other's":  one.List(ctx, a.list(), client.InNamespace(homeTwo)),
				"list everybody's":  one.List(ctx, a.list()),
				"list cluster-wide": one.List(ctx, a.list(), client.Limit(1)),
				"list default's":    one.List(ctx, a.list(), client.InNamespace("default")),
			}
			if tc.scope == kubebindv1alpha2.NamespacedScope {
				forbidden(t, reads)
				noClusterRights(t, one, two)
			} else {
				for what, err := range reads {
					if err != nil {
						t.Errorf("in informer scope Cluster a consumer may not %s: %v", what, err)
					}
				}
			}
			// The first consumer is not forgotten for the second (W12).
			if err := one.List(ctx, a.list(), client.InNamespace(homeOne)); err != nil {
				t.Errorf("listing its own: %v", err)
			}
		})
	}
}

// noClusterRights fails the test if there is anything cluster-wide for these consumers.
func noClusterRights(t *testing.T, consumers ...consumer) {
	t.Helper()
	for _, c := range consumers {
		var roles rbacv1.ClusterRoleList
		var bindings rbacv1.ClusterRoleBindingList
		for _, list := range []client.ObjectList{&roles, &bindings} {
			if err := admin(t).List(t.Context(), list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: c.namespace}); err != nil {
				t.Fatal(err)
			}
		}
		if len(roles.Items)+len(bindings.Items) > 0 {
			t.Errorf("%d ClusterRoles and %d ClusterRoleBindings for %s", len(roles.Items), len(bindings.Items), c.namespace)
		}
	}
}

// W16, SEC-19: what RBAC cannot say of cluster-scoped objects, an admission policy does.
func TestSEC19ClusterScopedObjectsAreFenced(t *testing.T) {
	for name, isolation := range map[string]kubebindv1alpha2.Isolation{
		"p": kubebindv1alpha2.IsolationPrefixed, "0": kubebindv1alpha2.IsolationNone,
	} {
		t.Run(name, func(t *testing.T) {
			start(t, func(o *backend.Options) { o.ConsumerScope, o.Isolation = kubebindv1alpha2.ClusterScope, isolation })
			a := newAPI(t, "trees", apiextensionsv1.ClusterScoped)
			template := newTemplate(t, "", nil, a)
			requests := newNamespace(t, "-requests")
			one := bind(t, requests, "one", t.Name()+"1", template.Name)
			two := bind(t, requests, "two", t.Name()+"2", template.Name)
			object := func(owner consumer, name string) *unstructured.Unstructured {
				u := a.object("", name)
				if isolation == kubebindv1alpha2.IsolationPrefixed {
					u.SetName(owner.namespace + "-" + name)
				}
				u.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: owner.namespace})
				return u
			}
			ctx := t.Context()
			mine, theirs := create(t, one.Client, object(one, "oak")), create(t, two.Client, object(two, "elm"))
			providers := create(t, admin(t), a.object("", one.namespace+"-of-the-provider"))
			unmarked, remarked, taken := object(one, "ash"), mine.DeepCopy(), theirs.DeepCopy()
			unmarked.SetAnnotations(nil)
			remarked.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: two.namespace})
			taken.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: one.namespace})
			attempts := writes(ctx, one.Client, theirs, object(two, "fir"))
			attempts["create without mark"] = one.Create(ctx, unmarked)
			attempts["give one away"] = one.Update(ctx, remarked)
			attempts["take one"] = one.Update(ctx, taken)
			attempts["delete the provider's"] = one.Delete(ctx, providers)
			if isolation == kubebindv1alpha2.IsolationPrefixed {
				other := object(one, "x")
				other.SetName("without-prefix")
				attempts["create without prefix"] = one.Create(ctx, other)
			}
			forbidden(t, attempts)
			for what, err := range writes(ctx, one.Client, mine, object(one, "yew")) {
				if err != nil {
					t.Errorf("the consumer may not %s its own: %v", what, err)
				}
			}
			// The provider itself is not fenced in.
			if err := admin(t).Delete(ctx, providers); err != nil {
				t.Error(err)
			}
		})
	}
}

// A fence that somebody takes down is put up again, and until it stands the rights behind it are gone.
func TestFenceIsPutBack(t *testing.T) {
	start(t, func(o *backend.Options) { o.ConsumerScope = kubebindv1alpha2.ClusterScope })
	a := newAPI(t, "trees", apiextensionsv1.ClusterScoped)
	c := bind(t, newNamespace(t, "-requests"), "one", t.Name(), newTemplate(t, "", nil, a).Name)
	var roles rbacv1.ClusterRoleList
	mine := client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: c.namespace}
	if err := admin(t).List(t.Context(), &roles, mine); err != nil || len(roles.Items) != 1 {
		t.Fatalf("%d ClusterRoles, %v", len(roles.Items), err)
	}
	name := roles.Items[0].Name
	policy := &unstructured.Unstructured{}
	policy.SetAPIVersion("admissionregistration.k8s.io/v1")
	policy.SetKind("ValidatingAdmissionPolicy")
	policy.SetName(name)
	if err := admin(t).Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rights to go", func(ctx context.Context) error {
		err := admin(t).Get(ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRole{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("they are there: %w", err)
		}
		return nil
	})
	eventually(t, "fence and rights to come back", func(ctx context.Context) error {
		if err := admin(t).Get(ctx, client.ObjectKey{Name: name}, policy); err != nil {
			return err
		}
		return admin(t).Get(ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRole{})
	})
}

// W13: an identity is not a secret.
func TestIdentityBelongsToItsFirstNamespace(t *testing.T) {
	start(t)
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	first, second := newNamespace(t, "-1"), newNamespace(t, "-2")
	bind(t, first, "mangos", t.Name(), template.Name)
	thief := create(t, admin(t), newRequest(second, "mangos", t.Name(), template.Name))
	thief = finished(t, thief, kubebindv1alpha2.PhaseFailed, kubebindv1alpha2.ReasonIdentityTaken)
	if thief.Status.Namespace != "" || thief.Status.KubeconfigSecretRef != nil {
		t.Errorf("it is told %+v", thief.Status)
	}
	var secrets corev1.SecretList
	if err := admin(t).List(t.Context(), &secrets, client.InNamespace(second)); err != nil || len(secrets.Items) > 0 {
		t.Errorf("%d Secrets, %v", len(secrets.Items), err)
	}
	// The owner may ask again.
	bind(t, first, "again", t.Name(), template.Name)
}

// W14: a Secret that is there is not the backend's to use.
func TestForeignSecret(t *testing.T) {
	start(t)
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	ns := newNamespace(t, "-requests")
	secret := create(t, admin(t), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "precious"}, StringData: map[string]string{"key": "value"},
	})
	request := newRequest(ns, "mangos", t.Name(), template.Name)
	request.Spec.KubeconfigSecretRef = &kubebindv1alpha2.LocalSecretKeyRef{Name: "precious", Key: "kubeconfig"}
	create(t, admin(t), request)
	finished(t, request, kubebindv1alpha2.PhaseFailed, kubebindv1alpha2.ReasonSecretConflict)
	if err := admin(t).Delete(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	never(t, "the Secret changes", func(context.Context) error {
		after := get(t, admin(t), ns, "precious", &corev1.Secret{})
		if after.ResourceVersion != secret.ResourceVersion || !after.DeletionTimestamp.IsZero() {
			return fmt.Errorf("it is %+v", after.ObjectMeta)
		}
		return nil
	})
}

// SEC-5: a consumer gets what it was granted, whatever else the provider exports.
func TestSEC5TemplatesAreEnforced(t *testing.T) {
	start(t)
	granted, other := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "melons", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, granted)
	newTemplate(t, "-other", nil, other)
	c := bind(t, newNamespace(t, "-requests"), "mangos", t.Name(), template.Name)
	secrets := kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}}
	for name, spec := range map[string]kubebindv1alpha2.APIServiceExportRequestSpec{
		"resource":  {Resources: []kubebindv1alpha2.ExportedResource{other.resource()}},
		"claim":     {Resources: []kubebindv1alpha2.ExportedResource{granted.resource()}, PermissionClaims: []kubebindv1alpha2.PermissionClaim{secrets}},
		"namespace": {Resources: []kubebindv1alpha2.ExportedResource{granted.resource()}, Namespaces: []kubebindv1alpha2.Namespace{{Name: "kube-system"}}},
		"policy":    {Resources: []kubebindv1alpha2.ExportedResource{granted.resource()}, SchemaUpdatePolicy: kubebindv1alpha2.SchemaUpdateAlways},
	} {
		request := create(t, c.Client, &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Spec: spec})
		answered(t, c, request, kubebindv1alpha2.PhaseFailed, kubebindv1alpha2.ReasonNotOffered)
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(request), &kubebindv1alpha2.APIServiceExport{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: there is an export: %v", name, err)
		}
	}
	// What it was granted it may ask for itself.
	request := create(t, c.Client, &kubebindv1alpha2.APIServiceExportRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "second"},
		Spec:       kubebindv1alpha2.APIServiceExportRequestSpec{Resources: []kubebindv1alpha2.ExportedResource{granted.resource()}},
	})
	answered(t, c, request, kubebindv1alpha2.PhaseSucceeded, "")
	grantsItself(t, c, request)
}

// grantsItself has a consumer try to be granted more, past the requests for it: by the grant, and by what becomes of requests.
func grantsItself(t *testing.T, c consumer, request *kubebindv1alpha2.APIServiceExportRequest) {
	t.Helper()
	ctx := t.Context()
	merge := func(patch string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(patch)) }
	claims := merge(`{"spec":{"permissionClaims":[{"resource":"secrets","selector":{}}]}}`)
	grant := merge(`{"spec":{"serviceProviderSpec":{"more":true}}}`)
	place := get(t, c.Client, c.namespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	export := get(t, c.Client, c.namespace, request.Name, &kubebindv1alpha2.APIServiceExport{})
	var schemas kubebindv1alpha2.BoundSchemaList
	if err := c.List(ctx, &schemas, client.InNamespace(c.namespace)); err != nil || len(schemas.Items) == 0 {
		t.Fatalf("%d schemas, %v", len(schemas.Items), err)
	}
	own := metav1.ObjectMeta{Namespace: c.namespace, Name: "own"}
	forbidden(t, map[string]error{
		"change its grant":              c.Patch(ctx, place.DeepCopy(), grant),
		"change an export":              c.Patch(ctx, export.DeepCopy(), claims),
		"create an export":              c.Create(ctx, &kubebindv1alpha2.APIServiceExport{ObjectMeta: own, Spec: export.Spec}),
		"change a request":              c.Patch(ctx, request.DeepCopy(), claims),
		"say that a request is granted": c.Status().Patch(ctx, request.DeepCopy(), merge(`{"status":{"phase":"Succeeded"}}`)),
		"change a schema":               c.Patch(ctx, schemas.Items[0].DeepCopy(), merge(`{"spec":{"group":""}}`)),
		"create a schema":               c.Create(ctx, &kubebindv1alpha2.BoundSchema{ObjectMeta: own, Spec: schemas.Items[0].Spec}),
		"offer a template":              c.Create(ctx, &kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: unique(t) + "-own"}}),
		"ask for another place":         c.Create(ctx, newRequest(c.namespace, "own", "another", "")),
		"give itself a role": c.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: own, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: c.namespace, Name: kubebindv1alpha2.BinderName}},
		}),
	})
	// Statuses it may write: nothing else changes by that way.
	if err := errors.Join(c.Status().Patch(ctx, place.DeepCopy(), grant), c.Status().Patch(ctx, export.DeepCopy(), claims)); err != nil {
		t.Fatal(err)
	}
	after := get(t, admin(t), c.namespace, place.Name, &kubebindv1alpha2.ClusterBinding{})
	exported := get(t, admin(t), c.namespace, export.Name, &kubebindv1alpha2.APIServiceExport{})
	if !equality.Semantic.DeepEqual(after.Spec, place.Spec) || !equality.Semantic.DeepEqual(exported.Spec, export.Spec) {
		t.Errorf("it changed %+v and %+v", after.Spec, exported.Spec)
	}
}

// answered waits until an export request is in a phase, for a reason.
func answered(t *testing.T, c client.Client, request *kubebindv1alpha2.APIServiceExportRequest, phase kubebindv1alpha2.Phase, reason string) {
	t.Helper()
	eventually(t, fmt.Sprintf("export request %s to be %s/%s", request.Name, phase, reason), func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
			return err
		}
		ready := kubebindv1alpha2.FindCondition(request.Status.Conditions, kubebindv1alpha2.ConditionReady)
		if request.Status.Phase != phase || ready == nil || ready.Reason != reason {
			return fmt.Errorf("its status is %+v", request.Status)
		}
		return nil
	})
}
