// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"maps"
	"slices"
	"strings"
	gosync "sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// Reasons of Events on consumer objects, beside those of package plan.
const (
	// ReasonRejected says that the provider's API server refused the object; the message has its words.
	ReasonRejected = "Rejected"
	// ReasonConsumerRejected says that the consumer's own API server refused the finalizer or the status.
	ReasonConsumerRejected = "ConsumerRejected"
	// Retrying counts objects whose writes fail because a side is away. It is no Event: the binding says so.
	Retrying = "Retrying"
)

// eventAction is the action of the Events of a Syncer.
const eventAction = "Sync"

// problem is what keeps one object from being in sync.
type problem struct{ reason, message string }

// problems remembers what is wrong with which object, to tell each thing once and to count them all.
type problems struct {
	mu    gosync.Mutex
	byKey map[types.NamespacedName]problem
}

func newProblems() *problems { return &problems{byKey: map[types.NamespacedName]problem{}} }

// set notes a problem and says whether it is news, and whether the counts change.
func (p *problems) set(key types.NamespacedName, now problem) (news, counts bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, had := p.byKey[key]
	p.byKey[key] = now
	return before != now, !had || before.reason != now.reason
}

// clear says whether there was a problem.
func (p *problems) clear(key types.NamespacedName) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, had := p.byKey[key]
	delete(p.byKey, key)
	return had
}

// reason is that of an object's problem, empty without one.
func (p *problems) reason(key types.NamespacedName) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byKey[key].reason
}

func (p *problems) counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int{}
	for _, is := range p.byKey {
		out[is.reason]++
	}
	return out
}

func (p *problems) keys() []types.NamespacedName {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.byKey))
}

// report tells the user of a problem: an Event on the object when it is new, and a count on the binding.
func (e *engine) report(object *unstructured.Unstructured, key types.NamespacedName, is problem, event bool) {
	is.message = EventNote(is.message)
	news, counts := e.problems.set(key, is)
	if news && event && object != nil {
		e.Recorder.Eventf(object, nil, corev1.EventTypeWarning, is.reason, eventAction, "%s", is.message)
	}
	if counts {
		e.Metrics.problem(e.series(), is.reason)
		e.Changed()
	}
}

// announce tells the user of a write that is good news.
func (e *engine) announce(object *unstructured.Unstructured, a plan.Action) {
	if a.Reason == "" {
		return
	}
	if object == nil {
		// What was created is not in a cache yet; its key is all that an Event needs to be found by.
		object = &unstructured.Unstructured{}
		object.SetGroupVersionKind(a.Object.GroupVersionKind())
		object.SetNamespace(a.Key.Namespace)
		object.SetName(a.Key.Name)
	}
	e.Recorder.Eventf(object, nil, corev1.EventTypeNormal, a.Reason, eventAction, "%s", EventNote(a.Message))
}

// maxNote is the length of an Event's note that API servers take: events.k8s.io/v1.
const maxNote = 1024

// EventNote cuts a text to what an Event takes. What refuses a large object may be as long as the object.
func EventNote(text string) string {
	const ellipsis = "…"
	if len(text) <= maxNote {
		return text
	}
	return strings.ToValidUTF8(text[:maxNote-len(ellipsis)], "") + ellipsis
}

func (e *engine) resolve(key types.NamespacedName) {
	if e.problems.clear(key) {
		e.Changed()
	}
}
