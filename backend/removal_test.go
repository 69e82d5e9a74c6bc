// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// cleanup is a finalizer of the provider's.
const cleanup = "example.org/cleanup"

// leaving is a consumer that is to be removed, and what it has at the provider.
type leaving struct {
	consumer
	copies     []client.Object
	namespaces []string
}

// A consumer is removed with all that it has, in every isolation and in both informer scopes: what the provider's finalizers hold is
// waited for, and named. What is another consumer's or the provider's stays as it is; then the other one goes as well.
func TestConsumerIsRemoved(t *testing.T) {
	for name, tc := range map[string]struct {
		isolation kubebindv1alpha2.Isolation
		scope     kubebindv1alpha2.InformerScope
	}{
		"pn": {kubebindv1alpha2.IsolationPrefixed, kubebindv1alpha2.NamespacedScope},
		"nc": {kubebindv1alpha2.IsolationNamespaced, kubebindv1alpha2.ClusterScope},
		"0c": {kubebindv1alpha2.IsolationNone, kubebindv1alpha2.ClusterScope},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, func(o *backend.Options) { o.Isolation, o.ConsumerScope = tc.isolation, tc.scope })
			mangos, trees := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped), newAPI(t, "trees", apiextensionsv1.ClusterScoped)
			requests, lent := newNamespace(t, "-requests"), newNamespace(t, "-lent")
			template, clusterwide := newTemplate(t, "", claimsOf, mangos), newTemplate(t, "-c", nil, trees)
			var both []leaving
			for i := range 2 {
				l := leaving{consumer: bind(t, requests, fmt.Sprint("c", i), fmt.Sprint(t.Name(), i), template.Name)}
				l.furnish(t, mangos, fmt.Sprint(unique(t), "-", i), tc.isolation == kubebindv1alpha2.IsolationNamespaced)
				if tc.isolation == kubebindv1alpha2.IsolationNone {
					l.borrow(t, mangos, lent, fmt.Sprint("c", i))
				}
				if tc.scope == kubebindv1alpha2.ClusterScope && tc.isolation != kubebindv1alpha2.IsolationNamespaced {
					bind(t, requests, fmt.Sprint("t", i), fmt.Sprint(t.Name(), i), clusterwide.Name)
					l.write(t, copyOf(l.consumer, trees.object("", ""), "", l.namespace+"-pat"))
				}
				both = append(both, l)
			}
			own := create(t, admin(t), copyOf(consumer{namespace: "kube-bind-x"}, &corev1.Secret{}, lent, "own"))
			both[0].goes(t, append(both[1].copies, own)...)
			both[1].goes(t, own, get(t, admin(t), "", lent, &corev1.Namespace{}))
		})
	}
}

// furnish gives a consumer a namespace, with an object and a claimed one.
func (l *leaving) furnish(t *testing.T, a api, namespace string, inPlace bool) {
	t.Helper()
	home := l.serviceNamespace(t, namespace)
	l.namespaces = append(l.namespaces, home)
	l.write(t, copyOf(l.consumer, &corev1.Secret{}, home, "mine"))
	if inPlace {
		home = l.namespace
	}
	l.write(t, copyOf(l.consumer, a.object("", ""), home, "mine"))
}

// borrow does so in a namespace that the provider lends.
func (l *leaving) borrow(t *testing.T, a api, lent, name string) {
	t.Helper()
	ns := get(t, admin(t), "", lent, &corev1.Namespace{})
	if ns.Annotations == nil {
		ns.Annotations = map[string]string{}
	}
	ns.Annotations[kubebindv1alpha2.AllowAdoptionAnnotation] = strings.TrimPrefix(ns.Annotations[kubebindv1alpha2.AllowAdoptionAnnotation]+","+l.namespace, ",")
	if err := admin(t).Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	l.serviceNamespace(t, lent)
	l.write(t, copyOf(l.consumer, a.object("", ""), lent, name))
	l.write(t, copyOf(l.consumer, &corev1.Secret{}, lent, name))
	// Somebody's tool takes labels away that it does not know: the mark is what counts.
	bare := copyOf(l.consumer, &corev1.Secret{}, lent, name+"-bare")
	bare.SetLabels(nil)
	l.copies = append(l.copies, create(t, admin(t), bare))
}

// write makes a copy as the consumer, as soon as its rights are in force.
func (l *leaving) write(t *testing.T, o client.Object) {
	t.Helper()
	eventually(t, "writing "+client.ObjectKeyFromObject(o).String(), func(ctx context.Context) error { return l.Create(ctx, o) })
	l.copies = append(l.copies, o)
}

// goes removes the consumer, which must leave others as they are. A finalizer holds it up for a while.
func (l *leaving) goes(t *testing.T, others ...client.Object) {
	t.Helper()
	held := l.copies[len(l.copies)-1]
	finalizers(t, held, cleanup)
	var before []string
	for _, o := range others {
		before = append(before, versionOf(t, o))
	}
	place := get(t, admin(t), l.namespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	if err := admin(t).Delete(t.Context(), place); err != nil {
		t.Fatal(err)
	}
	removalSays(t, place, kubebindv1alpha2.ReasonConsumerRemoved, held.GetName()+" (held by "+cleanup+")")
	for _, o := range l.copies[:len(l.copies)-1] {
		gone(t, o.GetName(), o)
	}
	if now := get(t, admin(t), l.namespace, place.Name, &kubebindv1alpha2.ClusterBinding{}); now.UID != place.UID {
		t.Error("the ClusterBinding is another one")
	}
	finalizers(t, held)
	gone(t, held.GetName(), held)
	for _, name := range append(l.namespaces, l.namespace) {
		gone(t, name, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	noClusterRights(t, l.consumer)
	if left := append(roleList(t, l.namespace), roleBindingList(t, l.namespace)...); len(left) > 0 {
		t.Errorf("%d roles and bindings are left", len(left))
	}
	for i, o := range others {
		if now := versionOf(t, o); now != before[i] {
			t.Errorf("%s was written to", o.GetName())
		}
	}
}

func finalizers(t *testing.T, o client.Object, names ...string) {
	t.Helper()
	eventually(t, "setting finalizers of "+o.GetName(), func(ctx context.Context) error {
		if err := admin(t).Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		o.SetFinalizers(names)
		return admin(t).Update(ctx, o)
	})
}

// versionOf is what changes when anybody writes to an object. It must be there.
func versionOf(t *testing.T, o client.Object) string {
	t.Helper()
	now := o.DeepCopyObject().(client.Object)
	get(t, admin(t), o.GetNamespace(), o.GetName(), now)
	return string(now.GetUID()) + "/" + now.GetResourceVersion()
}

// removalSays waits until a ClusterBinding says how far its removal is.
func removalSays(t *testing.T, place *kubebindv1alpha2.ClusterBinding, reason string, parts ...string) {
	t.Helper()
	eventually(t, "the ClusterBinding to say "+reason, func(ctx context.Context) error {
		now := &kubebindv1alpha2.ClusterBinding{}
		if err := admin(t).Get(ctx, client.ObjectKeyFromObject(place), now); err != nil {
			return err
		}
		c := kubebindv1alpha2.FindCondition(now.Status.Conditions, kubebindv1alpha2.ConditionHealthy)
		if c == nil || c.Reason != reason {
			return errorf("it says %+v", c)
		}
		for _, part := range parts {
			if !strings.Contains(c.Message, part) {
				return errorf("it says %q", c.Message)
			}
		}
		return nil
	})
}

// A consumer that is removed for its silence is told of by an Event before: with its place the Events in it go.
func TestSilentConsumerIsAnnounced(t *testing.T) {
	start(t, func(o *backend.Options) { o.RemoveSilentConsumersAfter = time.Hour })
	c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
	scheme, err := backend.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := client.NewWithWatch(provider.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	events, err := watcher.Watch(t.Context(), &eventsv1.EventList{}, client.InNamespace(c.namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	eventually(t, "an old heartbeat", func(ctx context.Context) error {
		binding := get(t, c.Client, c.namespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
		last := metav1.NewTime(time.Now().Add(-2 * time.Hour))
		binding.Status.LastHeartbeatTime, binding.Status.HeartbeatInterval = &last, &metav1.Duration{Duration: time.Minute}
		return c.Status().Update(ctx, binding)
	})
	late := time.After(timeout)
	for told := false; !told; {
		select {
		case e := <-events.ResultChan():
			event, ok := e.Object.(*eventsv1.Event)
			told = ok && event.Reason == kubebindv1alpha2.ReasonConsumerSilent && event.Type == corev1.EventTypeWarning &&
				event.Regarding.Name == kubebindv1alpha2.ClusterBindingName && strings.Contains(event.Note, "1h0m0s")
		case <-late:
			t.Fatal("there is no Event")
		}
	}
	gone(t, "the silent consumer's place", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}})
}

// When the backend has lost the rights to look for what a consumer has, its removal says so, and ends when it has them again.
func TestRemovalNamesTheRightsItLacks(t *testing.T) {
	user := unique(t)
	roles := documentedRoles(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	roles[1].Rules[0].APIGroups, roles[1].Rules[0].Resources = []string{a.Group}, []string{a.Resource}
	for _, role := range roles {
		role.Name = unique(t) + role.Name
		bindUser(t, user, create(t, admin(t), role).Name)
	}
	start(t, func(o *backend.Options) { o.Config, o.Isolation = configOf(t, user), kubebindv1alpha2.IsolationNone })
	l := leaving{consumer: bind(t, newNamespace(t, "-requests"), "one", t.Name(), newTemplate(t, "", claimsOf, a).Name)}
	lent := newNamespace(t, "-lent")
	l.furnish(t, a, unique(t)+"-home", false)
	l.borrow(t, a, lent, "named")
	l.write(t, copyOf(l.consumer, &corev1.ConfigMap{}, lent, "named"))
	unbindUser(t, roles[2].Name)

	place := get(t, admin(t), l.namespace, kubebindv1alpha2.ClusterBindingName, &kubebindv1alpha2.ClusterBinding{})
	if err := admin(t).Delete(t.Context(), place); err != nil {
		t.Fatal(err)
	}
	removalSays(t, place, kubebindv1alpha2.ReasonError, "listing ConfigMap", "configmaps is forbidden", "deleting the copy Secret "+lent+"/named", user)
	gone(t, "what it may remove", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: l.namespaces[0]}})
	eventually(t, "the consumer's rights to be gone", func(ctx context.Context) error {
		if err := l.List(ctx, a.list(), client.InNamespace(lent)); !apierrors.IsForbidden(err) {
			return errorf("it is answered with %w", err)
		}
		return nil
	})
	bindUser(t, user, roles[2].Name)
	for _, o := range append(l.copies, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: l.namespace}}) {
		gone(t, o.GetName(), o)
	}
}
