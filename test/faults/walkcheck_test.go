// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// foreign is an object that is none of kube-bind's business, as it was before the walk.
type foreign struct {
	side *pair.Side
	was  client.Object
}

// untouched says whether it still is so.
func (f foreign) untouched(ctx context.Context) error {
	is := f.was.DeepCopyObject().(client.Object)
	if err := f.side.Client.Get(ctx, keyOf(f.was), is); err != nil {
		return fmt.Errorf("what is foreign: %w", err)
	}
	if is.GetUID() != f.was.GetUID() || is.GetResourceVersion() != f.was.GetResourceVersion() {
		return fmt.Errorf("foreign %T %s was touched: it was %+v and is %+v", is, keyOf(is), f.was, is)
	}
	return nil
}

// placeForeign makes what nobody may touch: what looks like copies and claimed objects and is not, beside them and in the place
// of some, and things far away. It begins with the namespaces that all live in.
func (s *stormy) placeForeign(t *testing.T) []foreign {
	t.Helper()
	expect.Namespace(t, s.Consumer, home)
	expect.Namespace(t, s.Consumer, taken)
	expect.Create(t, s.Consumer, expect.Cowboy(home, "anchor"))
	expect.Exists(t, s.Provider, expect.Cowboy(s.place.There(home), "anchor"))

	const elsewhere = "elsewhere"
	secret := func(namespace, name string, labels map[string]string) client.Object {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}, Data: map[string][]byte{"content": []byte(namespace)},
		}
	}
	stranger := expect.Cowboy(s.place.There(home), strangerName)
	stranger.SetAnnotations(map[string]string{
		kubebindv1alpha2.ClusterNamespaceAnnotation: s.place.Namespace,
		kubebindv1alpha2.ConsumerClusterAnnotation:  "another-cluster",
		kubebindv1alpha2.ConsumerUIDAnnotation:      "another-object",
	})
	providers := claimLabel()
	providers[kubebindv1alpha2.OwnerLabel] = kubebindv1alpha2.OwnerProvider
	all := []foreign{
		{s.Consumer, secret(home, "unclaimed", nil)},
		{s.Consumer, secret(home, "victim", nil)},
		{s.Consumer, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "unclaimed"}}},
		{s.Provider, expect.Cowboy(s.place.There(home), foreignName)},
		{s.Provider, stranger},
		{s.Provider, secret(s.place.There(home), "unclaimed", nil)},
		{s.Provider, secret(s.place.There(home), "victim", providers)},
		{s.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.place.There(taken)}}},
		{s.Provider, expect.Cowboy(s.place.There(taken), "cowboy-0")},
		{s.Provider, secret(s.place.There(taken), "given-0", claimLabel())},
		{s.Provider, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: elsewhere}}},
		{s.Provider, expect.Cowboy(elsewhere, "cowboy-0")},
		{s.Provider, secret(elsewhere, "given-0", claimLabel())},
	}
	for _, f := range all {
		expect.Create(t, f.side, f.was)
	}
	return all
}

// location is where an object lies, on either side.
type location struct {
	thing
	types.NamespacedName
}

// everything is what there is on one side of what a walk is about.
func everything(ctx context.Context, side *pair.Side) (map[location]*unstructured.Unstructured, error) {
	out := map[location]*unstructured.Unstructured{}
	for _, kind := range []string{"wildwest.dev/v1alpha1/CowboyList", "v1/SecretList"} {
		list := &unstructured.UnstructuredList{}
		cutAt := strings.LastIndexByte(kind, '/')
		list.SetAPIVersion(kind[:cutAt])
		list.SetKind(kind[cutAt+1:])
		if err := side.Client.List(ctx, list); err != nil {
			return nil, err
		}
		for i := range list.Items {
			o := &list.Items[i]
			if thing := thingOf(o); thing != "" {
				out[location{thing, keyOf(o)}] = o
			}
		}
	}
	return out, nil
}

// found is all that there is on both sides.
type found struct {
	here, there map[location]*unstructured.Unstructured
	// namespaces are those of the consumer, and places those that the provider has for them, by the consumer's name.
	namespaces, places map[string]*corev1.Namespace
}

func (w *walker) find(ctx context.Context) (f found, err error) {
	if f.here, err = everything(ctx, w.Consumer); err != nil {
		return f, err
	}
	if f.there, err = everything(ctx, w.Provider); err != nil {
		return f, err
	}
	if f.namespaces, err = namespacesOf(ctx, w.Consumer, ""); err != nil {
		return f, err
	}
	f.places, err = namespacesOf(ctx, w.Provider, w.place.There(""))
	return f, err
}

func namespacesOf(ctx context.Context, side *pair.Side, prefix string) (map[string]*corev1.Namespace, error) {
	list := &corev1.NamespaceList{}
	if err := side.Client.List(ctx, list); err != nil {
		return nil, err
	}
	out := map[string]*corev1.Namespace{}
	for i := range list.Items {
		if name, ok := strings.CutPrefix(list.Items[i].Name, prefix); ok {
			out[name] = &list.Items[i]
		}
	}
	return out, nil
}

// settled is nil once both sides are as they should be after a walk.
func (w *walker) settled(ctx context.Context, untouchable []foreign) error {
	f, err := w.find(ctx)
	if err != nil {
		return err
	}
	errs := slices.Concat(w.nothingLost(f), w.allCopied(f), w.nothingOrphaned(f, untouchable), w.wordsKept(f))
	for _, o := range untouchable {
		errs = append(errs, o.untouched(ctx))
	}
	return errors.Join(errs...)
}

// nothingLost compares what there is with what users were told.
func (w *walker) nothingLost(f found) (errs []error) {
	for _, s := range w.known() {
		t, is := w.truths[s], ""
		switch owners, at := f.owners(w.place, s); {
		case s.thing == "" && f.namespaces[s.namespace] != nil:
			is = "there"
		case s.thing != "" && owners[at] != nil:
			is = valueOf(owners[at])
		}
		if s.lasting() && !t.may.Has(is) {
			errs = append(errs, w.explained(s, fmt.Errorf("it is %q, and not one of %q", is, sets.List(t.may))))
		}
	}
	return errs
}

// known are the subjects of all operations until now, in order.
func (w *walker) known() []subject {
	return slices.SortedFunc(maps.Keys(w.truths), func(a, b subject) int { return strings.Compare(a.String(), b.String()) })
}

// owners is the side that an object belongs to, and where it lies there.
func (f found) owners(place *pair.Place, s subject) (map[location]*unstructured.Unstructured, location) {
	at := location{s.thing, types.NamespacedName{Namespace: s.namespace, Name: s.name}}
	if s.thing == given {
		at.Namespace = place.There(s.namespace)
		return f.there, at
	}
	return f.here, at
}

// allCopied looks that what there is has its copy, which has the same content.
func (w *walker) allCopied(f found) (errs []error) {
	for at, o := range f.here {
		s := subject{at.thing, at.Namespace, at.Name}
		copied := f.there[w.copyOf(s)]
		switch {
		case s.shadowed():
			if len(o.GetFinalizers()) > 0 || o.GetDeletionTimestamp() != nil {
				errs = append(errs, w.explained(s, fmt.Errorf("it can have no copy, and has the finalizers %v", o.GetFinalizers())))
			}
		case s.thing == cowboy:
			errs = append(errs, w.explained(s, errors.Join(isCopy(o, copied), sameLabel(o, copied))))
		case copied == nil:
			errs = append(errs, w.explained(s, errors.New("it is in the consumer only")))
		case !equality.Semantic.DeepEqual(o.Object["data"], copied.Object["data"]):
			errs = append(errs, w.explained(s, fmt.Errorf("it is %q in the consumer and %q at the provider", valueOf(o), valueOf(copied))))
		}
	}
	return errs
}

// copyOf is where an object lies at the provider.
func (w *walker) copyOf(s subject) location {
	return location{s.thing, types.NamespacedName{Namespace: w.place.There(s.namespace), Name: s.name}}
}

func sameLabel(o, copied *unstructured.Unstructured) error {
	if copied == nil || o.GetLabels()[walkLabel] == copied.GetLabels()[walkLabel] {
		return nil
	}
	return fmt.Errorf("%s has the labels %v, its copy %v", o.GetName(), o.GetLabels(), copied.GetLabels())
}

// nothingOrphaned looks that all that the provider has in the consumer's place has its object there, and each namespace its own.
func (w *walker) nothingOrphaned(f found, untouchable []foreign) (errs []error) {
	known := sets.New[types.UID]()
	for _, o := range untouchable {
		known.Insert(o.was.GetUID())
	}
	for at, o := range f.there {
		ns, ours := strings.CutPrefix(at.Namespace, w.place.There(""))
		if !ours || known.Has(o.GetUID()) {
			continue
		}
		if here := (location{at.thing, types.NamespacedName{Namespace: ns, Name: at.Name}}); f.here[here] == nil {
			errs = append(errs, w.explained(subject{at.thing, ns, at.Name}, errors.New("it is at the provider only")))
		}
	}
	for name, ns := range f.places {
		if f.namespaces[name] == nil && !known.Has(ns.UID) {
			errs = append(errs, w.explained(subject{namespace: name}, fmt.Errorf("the provider's %s is left over (%s)", ns.Name, ns.Status.Phase)))
		}
	}
	for name, ns := range f.namespaces {
		if ns.DeletionTimestamp != nil {
			errs = append(errs, w.explained(subject{namespace: name}, errors.New("it is still being deleted")))
		}
	}
	return errs
}

// wordsKept looks that copies are those that the provider's status was given to, as long as nobody removed them, and have it.
func (w *walker) wordsKept(f found) (errs []error) {
	for s, said := range w.words {
		here, at := f.owners(w.place, s)
		o, copied := here[at], f.there[w.copyOf(s)]
		switch {
		case o == nil || o.GetUID() != said.object:
		case copied == nil || copied.GetUID() != said.copied:
			errs = append(errs, w.explained(s, errors.New("its copy was replaced")))
		case !said.may.Has(statusOf(copied)):
			errs = append(errs, w.explained(s, fmt.Errorf("its status is %q, and not one of %q", statusOf(copied), sets.List(said.may))))
		}
	}
	return errs
}

// explained adds to an error what it is about, and what was done to that.
func (w *walker) explained(s subject, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", s, err, w.truth(s).recent())
}

func valueOf(o *unstructured.Unstructured) string {
	if thingOf(o) == cowboy {
		value, _, _ := unstructured.NestedString(o.Object, "spec", "intent")
		return value
	}
	encoded, _, _ := unstructured.NestedString(o.Object, "data", "content")
	value, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err.Error()
	}
	return string(value)
}

// writable are the resources that backend, konnector and a control plane's controllers write because something has changed.
// Leases, heartbeats and Events are left out: they come by themselves.
func writable() []string {
	return []string{
		"cowboys", "secrets", "configmaps", "serviceaccounts", "namespaces", "customresourcedefinitions",
		"roles", "rolebindings", "clusterroles", "clusterrolebindings", "validatingadmissionpolicies", "validatingadmissionpolicybindings",
		"apiservicebindings", "apiservicebindingbundles", "apiserviceexports", "apiserviceexportrequests", "apiserviceexporttemplates",
		"apiservicenamespaces", "bindableresourcesrequests", "boundschemas", "collections",
	}
}

// written counts the writes of both sides, by resource.
func (w *walker) written(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	for name, side := range map[string]*pair.Side{"consumer": w.Consumer, "provider": w.Provider} {
		counted, err := pair.CountAllRequests(ctx, side)
		if err != nil {
			return nil, err
		}
		for _, resource := range writable() {
			out[resource+" of the "+name] = counted[resource].Writes()
		}
	}
	return out, nil
}

// comesToRest shows that nothing is written once all is settled. What was under way may still come, such as a count in a
// condition; after that nothing may.
func (w *walker) comesToRest(t *testing.T) {
	t.Helper()
	const tick, calm, quiet = time.Second, 5 * time.Second, 20 * time.Second
	before, since := map[string]int{}, time.Now()
	err := wait.PollUntilContextTimeout(t.Context(), tick, expect.Timeout, true, func(ctx context.Context) (bool, error) {
		now, err := w.written(ctx)
		if !maps.Equal(now, before) {
			before, since = now, time.Now()
		}
		return time.Since(since) >= calm, err
	})
	if err != nil {
		t.Fatalf("both sides should come to rest, and had these writes: %v: %v", before, err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), tick, quiet, true, func(ctx context.Context) (bool, error) {
		now, err := w.written(ctx)
		for of, n := range now {
			if n != before[of] {
				err = errors.Join(err, fmt.Errorf("%s: %d writes", of, n-before[of]))
			}
		}
		return false, err
	})
	if !wait.Interrupted(err) {
		t.Fatalf("nothing may be written when all is settled: %v", err)
	}
}
