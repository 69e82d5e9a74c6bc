// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// ask makes an APIServiceNamespace as the consumer.
func (c consumer) ask(t *testing.T, name string) *kubebindv1alpha2.APIServiceNamespace {
	t.Helper()
	return create(t, c.Client, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}})
}

// refused waits until an APIServiceNamespace is refused for a reason, and checks that the consumer was given nothing.
func refused(t *testing.T, ns *kubebindv1alpha2.APIServiceNamespace, reason string) {
	t.Helper()
	eventually(t, "namespace "+ns.Name+" to be refused", func(ctx context.Context) error {
		if err := admin(t).Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
			return err
		}
		ready := kubebindv1alpha2.FindCondition(ns.Status.Conditions, kubebindv1alpha2.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != reason {
			return fmt.Errorf("its status is %+v", ns.Status)
		}
		return nil
	})
	if ns.Status.Namespace != "" {
		t.Errorf("the consumer is told the namespace %q", ns.Status.Namespace)
	}
}

// gone waits until an object is no more.
func gone(t *testing.T, what string, obj client.Object) {
	t.Helper()
	eventually(t, what+" to go", func(ctx context.Context) error {
		err := admin(t).Get(ctx, client.ObjectKeyFromObject(obj), obj)
		if ns, ok := obj.(*corev1.Namespace); ok && err == nil {
			return errorf("it is there: %+v", ns.Status)
		}
		if err == nil {
			return errors.New("it is there")
		}
		return client.IgnoreNotFound(err)
	})
}

// W11, SEC-6, SEC-18: with isolation None consumers name the provider's namespaces. Those that are not theirs they do not
// get, and cannot have removed either.
func TestSEC6SEC18ForeignNamespaces(t *testing.T) {
	start(t, func(o *backend.Options) { o.Isolation = kubebindv1alpha2.IsolationNone })
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", claimsOf, a)
	requests := newNamespace(t, "-requests")
	one, two := bind(t, requests, "one", t.Name()+"1", template.Name), bind(t, requests, "two", t.Name()+"2", template.Name)
	shared := one.serviceNamespace(t, unique(t)+"-shared")
	foreign := newNamespace(t, "-victim")
	for name, tc := range map[string]struct {
		namespace string
		reason    string
	}{
		"Kubernetes' own":         {"kube-system", kubebindv1alpha2.ReasonNameReserved},
		"somebody's":              {foreign, kubebindv1alpha2.ReasonNamespaceConflict},
		"default":                 {"default", kubebindv1alpha2.ReasonNamespaceConflict},
		"the other's place":       {one.namespace, kubebindv1alpha2.ReasonNameReserved},
		"a place yet to come":     {"kube-bind-abc", kubebindv1alpha2.ReasonNameReserved},
		"the other's namespace":   {shared, kubebindv1alpha2.ReasonNamespaceConflict},
		"that of the requesters'": {requests, kubebindv1alpha2.ReasonNamespaceConflict},
	} {
		t.Run(name, func(t *testing.T) {
			ns := two.ask(t, tc.namespace)
			refused(t, ns, tc.reason)
			var bindings rbacv1.RoleBindingList
			if err := admin(t).List(t.Context(), &bindings, client.InNamespace(tc.namespace)); err != nil {
				t.Fatal(err)
			}
			for _, b := range bindings.Items {
				for _, s := range b.Subjects {
					if s.Namespace == two.namespace {
						t.Errorf("the consumer is bound by %s", b.Name)
					}
				}
			}
			// Its claims on Secrets and its export are worth nothing there.
			ctx, in := t.Context(), client.InNamespace(tc.namespace)
			forbidden(t, map[string]error{
				"list Secrets there":          two.List(ctx, &corev1.SecretList{}, in),
				"create a Secret there":       two.Create(ctx, copyOf(two, &corev1.Secret{}, tc.namespace, "x")),
				"create an object there":      two.Create(ctx, a.object(tc.namespace, "x")),
				"list objects there":          two.List(ctx, a.list(), in),
				"delete the namespace itself": two.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tc.namespace}}),
			})
			if err := two.Delete(t.Context(), ns); err != nil {
				t.Fatal(err)
			}
		})
	}
	// Each deleted APIServiceNamespace was looked at when this later one is answered and removed.
	last := two.ask(t, unique(t)+"-last")
	eventually(t, "the last namespace", func(ctx context.Context) error {
		return admin(t).Get(ctx, client.ObjectKey{Name: last.Name}, &corev1.Namespace{})
	})
	if err := two.Delete(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	gone(t, "the last namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: last.Name}})
	for _, name := range []string{"kube-system", "default", foreign, requests, shared, one.namespace} {
		if ns := get(t, admin(t), "", name, &corev1.Namespace{}); !ns.DeletionTimestamp.IsZero() {
			t.Errorf("%s is being deleted", name)
		}
	}
	// What was in the way is waited for: when it goes, the consumer gets its namespace.
	waiting := two.ask(t, foreign)
	refused(t, waiting, kubebindv1alpha2.ReasonNamespaceConflict)
	if err := admin(t).Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: foreign}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the consumer's namespace", func(ctx context.Context) error {
		if err := two.Get(ctx, client.ObjectKeyFromObject(waiting), waiting); err != nil {
			return err
		}
		if waiting.Status.Namespace != foreign {
			return fmt.Errorf("its status is %+v", waiting.Status)
		}
		return nil
	})
}

// W23: a namespace goes with its APIServiceNamespace, also if nobody was there to see that.
func TestNamespaceIsRemoved(t *testing.T) {
	stop := start(t)
	template := newTemplate(t, "", nil, newAPI(t, "mangos", apiextensionsv1.NamespaceScoped))
	c := bind(t, newNamespace(t, "-requests"), "one", t.Name(), template.Name)
	first, second := c.serviceNamespace(t, "first"), c.serviceNamespace(t, "second")
	lookalike := create(t, admin(t), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: c.namespace + "-third", Labels: map[string]string{kubebindv1alpha2.ContractNamespaceLabel: c.namespace},
	}})
	if err := c.Delete(t.Context(), &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "first"}}); err != nil {
		t.Fatal(err)
	}
	gone(t, "the first namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: first}})

	stop()
	if err := c.Delete(t.Context(), &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "second"}}); err != nil {
		t.Fatal(err)
	}
	start(t)
	gone(t, "the second namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: second}})
	if after := get(t, admin(t), "", lookalike.Name, &corev1.Namespace{}); !after.DeletionTimestamp.IsZero() {
		t.Error("a namespace without the mark is being deleted")
	}
}

// A namespace that a provider's administrator deletes comes back, with rights in it.
func TestDeletedNamespaceComesBack(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	c := bind(t, newNamespace(t, "-requests"), "one", t.Name(), newTemplate(t, "", nil, a).Name)
	name := c.serviceNamespace(t, "first")
	before := get(t, admin(t), "", name, &corev1.Namespace{})
	if err := admin(t).Delete(t.Context(), before.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the consumer to work in the namespace again", func(ctx context.Context) error {
		after := &corev1.Namespace{}
		if err := admin(t).Get(ctx, client.ObjectKey{Name: name}, after); err != nil {
			return err
		}
		if after.UID == before.UID {
			return errors.New("it is still the old one")
		}
		return c.Create(ctx, a.object(name, "x"))
	})
}

// W8, W53: a name that does not fit is that namespace's trouble alone.
func TestLongNames(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a)
	long := strings.Repeat("x", 230)
	c := bind(t, newNamespace(t, "-requests"), long, t.Name(), template.Name)
	refused(t, c.ask(t, strings.Repeat("n", 60)), kubebindv1alpha2.ReasonNameTooLong)
	ns := c.serviceNamespace(t, "fits")
	create(t, c.Client, a.object(ns, "x"))
	// Rights of an export with a long name go with it too.
	export := get(t, admin(t), c.namespace, long, &kubebindv1alpha2.APIServiceExport{})
	if err := admin(t).Delete(t.Context(), export); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rights to go", func(ctx context.Context) error {
		err := c.Create(ctx, a.object(ns, "y"))
		if err == nil {
			err = c.Delete(ctx, a.object(ns, "y"))
		}
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("they are there: %w", err)
		}
		return nil
	})
}

// W18: namespaces and what is in them outlive an export that shares them; the rights of that export do not.
func TestExportIsRemoved(t *testing.T) {
	start(t)
	a, b := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "melons", apiextensionsv1.NamespaceScoped)
	bringing := func(s *kubebindv1alpha2.APIServiceExportTemplateSpec) {
		s.Namespaces = []kubebindv1alpha2.Namespace{{Name: "orchard"}}
	}
	first, second := newTemplate(t, "-a", bringing, a), newTemplate(t, "-b", bringing, b)
	requests := newNamespace(t, "-requests")
	bind(t, requests, "first", t.Name(), first.Name)
	c := bind(t, requests, "second", t.Name(), second.Name)
	orchard := &kubebindv1alpha2.APIServiceNamespace{}
	eventually(t, "the namespace of the templates", func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: "orchard"}, orchard); err != nil {
			return err
		}
		if orchard.Status.Namespace == "" {
			return errors.New("it is not ready")
		}
		return nil
	})
	if orchard.Labels[kubebindv1alpha2.OwnerLabel] != "provider" {
		t.Errorf("labels %v", orchard.Labels)
	}
	ns := orchard.Status.Namespace
	create(t, c.Client, a.object(ns, "x"))
	kept := create(t, c.Client, b.object(ns, "x"))
	if err := admin(t).Delete(t.Context(), get(t, admin(t), c.namespace, "first", &kubebindv1alpha2.APIServiceExport{})); err != nil {
		t.Fatal(err)
	}
	gone(t, "the first export's schema", &kubebindv1alpha2.BoundSchema{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "mangos." + a.Group}})
	eventually(t, "the rights to go", func(ctx context.Context) error {
		if err := c.List(ctx, a.list(), client.InNamespace(ns)); !apierrors.IsForbidden(err) {
			return fmt.Errorf("they are there: %w", err)
		}
		return nil
	})
	never(t, "the second export suffers", func(ctx context.Context) error {
		after := b.object("", "")
		if err := c.Get(ctx, client.ObjectKeyFromObject(kept), after); err != nil {
			return err
		}
		if after.GetUID() != kept.GetUID() {
			return errors.New("its object was made anew")
		}
		return c.Get(ctx, client.ObjectKeyFromObject(orchard), orchard)
	})
}
