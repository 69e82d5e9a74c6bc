// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// outcome is what came of an operation.
type outcome string

const (
	// made is what a server has acknowledged.
	made outcome = "made"
	// refused is what a server has refused or never heard of.
	refused outcome = "refused"
	// unsure is what may have been made: the connection broke first.
	unsure outcome = "unsure"
)

// errNotMade is why something was not even tried.
var errNotMade = errors.New("not made")

// outcomeOf tells what an error means.
func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return made
	case errors.Is(err, errNotMade), errors.Is(err, syscall.ECONNREFUSED), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err),
		apierrors.IsConflict(err), apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return refused
	}
	return unsure
}

// truth is what an object, by what its users were told, has as its content. Not being there is having none.
type truth struct {
	may sets.Set[string]
	// history is for people.
	history []string
}

// word is a status that the provider gave.
type word struct {
	// object is the UID of the consumer's object, copied that of its copy.
	object, copied types.UID
	may            sets.Set[string]
}

// walker does what an itinerary says, as the users of both sides, and remembers what came of it.
type walker struct {
	*pair.Pair
	place  *pair.Place
	truths map[subject]*truth
	words  map[subject]*word
	tally  map[operation]map[outcome]int // by act and thing
	// lost is what was acknowledged and then not there.
	lost []error
	// seen is the provider's object that the last operation was about.
	seen *unstructured.Unstructured
}

func newWalker(p *pair.Pair, place *pair.Place) *walker {
	return &walker{Pair: p, place: place, truths: map[subject]*truth{}, words: map[subject]*word{}, tally: map[operation]map[outcome]int{}}
}

// operationTimeout is longer than any server takes that is there.
const operationTimeout = 10 * time.Second

// walk does the operations of an itinerary, each when its time has come, or as soon as those before are done. The pace is the
// workload: nobody waits for anything to come true.
func (w *walker) walk(ctx context.Context, operations []operation) error {
	begin := time.Now()
	for _, o := range operations {
		if err := pause(ctx, o.at-time.Since(begin)); err != nil {
			return err
		}
		w.step(ctx, begin, o)
	}
	return nil
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *walker) step(ctx context.Context, begin time.Time, o operation) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	w.seen = nil
	err := w.do(ctx, o)
	came := outcomeOf(err)
	about := operation{act: o.act, subject: subject{thing: o.thing}}
	if w.tally[about] == nil {
		w.tally[about] = map[outcome]int{}
	}
	w.tally[about][came]++
	line := fmt.Sprintf("%s (%s) %s %s: %s", time.Now().Format("15:04:05.000"), time.Since(begin).Round(time.Millisecond), o.act, o.value, came)
	if err != nil {
		line += " (" + err.Error() + ")"
	}
	for _, s := range w.concerned(o) {
		t := w.truth(s)
		t.history = append(t.history, line)
		w.learn(t, o, came)
	}
	w.hear(o, came)
}

// concerned are the subjects whose truth an operation may change: with a namespace goes what is in it.
func (w *walker) concerned(o operation) []subject {
	out := []subject{o.subject}
	if o.act == removeNamespace {
		for s := range w.truths {
			if s.namespace == o.namespace && s != o.subject {
				out = append(out, s)
			}
		}
	}
	return out
}

func (w *walker) truth(s subject) *truth {
	if w.truths[s] == nil {
		w.truths[s] = &truth{may: sets.New("")}
	}
	return w.truths[s]
}

// learn takes what came of an operation into the truth of an object.
func (w *walker) learn(t *truth, o operation, came outcome) {
	if came == refused {
		return
	}
	var news string
	switch o.act {
	case create, change:
		news = o.value
	case makeNamespace:
		news = "there"
	case remove, removeNamespace:
	default:
		return // is not the owner's, and changes nothing for good
	}
	if o.act == create && came == made && !t.may.Has("") && o.lasting() {
		w.lost = append(w.lost, fmt.Errorf("%s could be created anew: it was lost:\n%s", o.subject, t.recent()))
	}
	switch {
	case came == unsure:
		t.may.Insert(news)
	case o.act == change && t.may.Has(""):
		// What is going can be changed, and goes nevertheless.
		if len(t.may) > 1 {
			t.may = sets.New("", news)
		}
	default:
		t.may = sets.New(news)
	}
}

// hear takes what came of an operation into what the provider has said.
func (w *walker) hear(o operation, came outcome) {
	switch {
	case o.act == removeCopy && came != refused:
		delete(w.words, o.subject)
	case o.act == status && came != refused:
		object, copied := types.UID(w.seen.GetAnnotations()[kubebindv1alpha2.ConsumerUIDAnnotation]), w.seen.GetUID()
		before := w.words[o.subject]
		said := &word{object, copied, sets.New(o.value)}
		if came == unsure {
			said.may.Insert(statusOf(w.seen))
			if before != nil && before.copied == copied {
				said.may = said.may.Union(before.may)
			}
		}
		w.words[o.subject] = said
	}
}

// recent is the end of the history.
func (t *truth) recent() string {
	const lines = 12
	return "\t" + strings.Join(t.history[max(0, len(t.history)-lines):], "\n\t")
}

// do makes one operation.
func (w *walker) do(ctx context.Context, o operation) error {
	mine, other := w.Consumer, w.Provider
	here, there := o.object(o.namespace), o.object(w.place.There(o.namespace))
	if o.thing == given {
		mine, other, here, there = other, mine, there, here
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.namespace}}
	setContent := func(u *unstructured.Unstructured) { setValue(u, o.value) }
	switch o.act {
	case makeNamespace:
		return w.Consumer.Client.Create(ctx, namespace)
	case removeNamespace:
		return w.Consumer.Client.Delete(ctx, namespace)
	case create:
		setContent(here)
		return mine.Client.Create(ctx, here, client.FieldOwner(pair.FieldManager))
	case change:
		return w.update(ctx, mine, here, setContent)
	case changeCopy:
		return w.update(ctx, other, there, setContent)
	case remove:
		return mine.Client.Delete(ctx, here)
	case removeCopy:
		return other.Client.Delete(ctx, there)
	case status:
		return w.update(ctx, other, there, expect.Set(o.value, "status", "result"))
	}
	return fmt.Errorf("nobody knows how to %q", o.act)
}

// update changes an object that stays, again if somebody else was quicker. (RetryOnConflict calls it done when a context ends.)
func (w *walker) update(ctx context.Context, side *pair.Side, like *unstructured.Unstructured, modify expect.Modifier) (err error) {
	const attempts = 5
	for range attempts {
		if err = w.updateOnce(ctx, side, like, modify); !apierrors.IsConflict(err) {
			break
		}
	}
	return err
}

func (w *walker) updateOnce(ctx context.Context, side *pair.Side, like *unstructured.Unstructured, modify expect.Modifier) error {
	o, err := expect.Get(ctx, side, like)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotMade, err)
	}
	if o.GetDeletionTimestamp() != nil {
		return fmt.Errorf("%w: it is being deleted", errNotMade)
	}
	w.seen = o.DeepCopy()
	modify(o)
	if statusOf(o) != statusOf(w.seen) {
		return side.Client.Status().Update(ctx, o, client.FieldOwner("service"))
	}
	return side.Client.Update(ctx, o, client.FieldOwner(pair.FieldManager))
}

// claimLabel is what the example's claim selects Secrets by.
func claimLabel() map[string]string { return map[string]string{"app": "cowboy"} }

// walkLabel is one of the user's own that travels with a cowboy. It has the same value as the spec.
const walkLabel = "example.org/walk"

// object is one without content.
func (s subject) object(namespace string) *unstructured.Unstructured {
	o := expect.Cowboy(namespace, s.name)
	if s.thing != cowboy {
		o.Object = map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"namespace": namespace, "name": s.name}}
		o.SetLabels(claimLabel())
	}
	return o
}

func (s subject) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s/%s", s.thing, s.namespace, s.name), "/")
}

// thingOf tells by kind and name what an object is; a Secret may be none of the walk's.
func thingOf(o *unstructured.Unstructured) thing {
	if o.GetKind() != "Secret" {
		return cowboy
	}
	for _, t := range []thing{sent, given} {
		if strings.HasPrefix(o.GetName(), string(t)+"-") {
			return t
		}
	}
	return ""
}

func setValue(o *unstructured.Unstructured, value string) {
	if thingOf(o) != cowboy {
		expect.Set(map[string]any{"content": value}, "stringData")(o)
		return
	}
	expect.Set(value, "spec", "intent")(o)
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[walkLabel] = value
	o.SetLabels(labels)
}

func statusOf(o *unstructured.Unstructured) string {
	value, _, _ := unstructured.NestedString(o.Object, "status", "result")
	return value
}

// report says what was done, for people; never says what was never made.
func (w *walker) report() (lines []string, never []operation) {
	for _, about := range everyAct() {
		counts := w.tally[about]
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%-16s %-6s made %d, refused %d, unsure %d", about.act, about.thing, counts[made], counts[refused], counts[unsure])))
		if counts[made] == 0 {
			never = append(never, about)
		}
	}
	slices.Sort(lines)
	return lines, never
}
