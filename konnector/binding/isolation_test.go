// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/routing"
)

// By which isolation copies lie is remembered for as long as there are any, whatever the export says in the meantime.
func TestIsolationIsRemembered(t *testing.T) {
	const none, prefixed = kubebindv1alpha2.IsolationNone, kubebindv1alpha2.IsolationPrefixed
	for name, tc := range map[string]struct {
		facts Facts
		want  kubebindv1alpha2.Isolation
	}{
		"the first time":                    {facts(carried("")), prefixed},
		"the same again":                    {facts(carried(prefixed)), prefixed},
		"another, while there are objects":  {facts(carried(none)), none},
		"withdrawn":                         {facts(carried(none), noExport), none},
		"made again without the resource":   {facts(carried(none), func(f *Facts) { f.Export.Spec.Resources = nil }), none},
		"withdrawn, and never carried":      {facts(carried(""), noExport), ""},
		"namespaced objects lie elsewhere":  {facts(), ""},
		"namespaced objects, and withdrawn": {facts(noExport), ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(tc.facts)
			if got := d.Status.BoundSchemas[0].Isolation; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestIsolationChangedSaysWhatToDo(t *testing.T) {
	d := Decide(facts(carried(kubebindv1alpha2.IsolationNone)))
	got := message(d, kubebindv1alpha2.ConditionReady)
	for _, want := range []string{"cowboys.wildwest.dev", "with isolation None", "again with Prefixed", "make the export again with None"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	if d.Again != refusedAgain {
		t.Errorf("nobody looks whether the objects are gone: again after %s", d.Again)
	}
}

// reader is an API server with some objects, or one that does not answer.
type reader struct {
	client.Reader
	objects int
	err     error
}

func (r reader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if r.err == nil {
		list.(*metav1.PartialObjectMetadataList).Items = make([]metav1.PartialObjectMetadata, r.objects)
	}
	return r.err
}

// Where copies lie is forgotten when no object is here any more, and not before the syncer has been told to stop that could make more.
func TestCarriedWith(t *testing.T) {
	const none, prefixed = kubebindv1alpha2.IsolationNone, kubebindv1alpha2.IsolationPrefixed
	remembers := func(isolation kubebindv1alpha2.Isolation, reason string) func(*Facts) {
		return func(f *Facts) {
			f.Binding.Status.BoundSchemas = []kubebindv1alpha2.BoundSchemaReference{{GroupResource: f.Resources[0].Name, Isolation: isolation}}
			kubebindv1alpha2.SetCondition(&f.Binding.Status.Conditions,
				kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionConnected, reason, kubebindv1alpha2.SeverityError, ""))
		}
	}
	stopped := remembers(none, kubebindv1alpha2.ReasonIsolationChanged)
	// What names no provider goes with the one of the bindings that is the default.
	shared := resource(func(r *ResourceFacts) {
		r.Table = routing.Of(routing.Member{Binding: "cowboys", Provider: "a"}, routing.Member{Binding: "other", Provider: "b", Default: true})
	})
	for name, tc := range map[string]struct {
		facts  Facts
		reader reader
		want   kubebindv1alpha2.Isolation
		fails  bool
	}{
		"nothing is remembered":         {facts(), reader{}, "", false},
		"as it was":                     {facts(remembers(prefixed, kubebindv1alpha2.ReasonIsolationChanged)), reader{}, prefixed, false},
		"changed, and still syncing":    {facts(remembers(none, kubebindv1alpha2.ReasonPending)), reader{}, none, false},
		"changed, with objects":         {facts(stopped), reader{objects: 1}, none, false},
		"changed, with those of others": {facts(stopped, shared), reader{objects: 1}, "", false},
		"changed, without objects":      {facts(stopped), reader{}, "", false},
		"changed, and nothing is known": {facts(stopped), reader{err: errors.New("no")}, "", true},
		"changed, and not served":       {facts(stopped, resource(func(r *ResourceFacts) { r.CRD.Status.Conditions = nil })), reader{}, none, false},
		"changed, and the CRD is gone":  {facts(stopped, resource(func(r *ResourceFacts) { r.CRD = nil })), reader{objects: 1}, "", false},
		"withdrawn":                     {facts(stopped, noExport), reader{}, none, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&Controller{live: tc.reader}).carriedWith(t.Context(), tc.facts, tc.facts.Resources[0])
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// What is not remembered yet waits with its first copies until it is.
func TestRemembersMore(t *testing.T) {
	status := func(isolations ...kubebindv1alpha2.Isolation) (out kubebindv1alpha2.APIServiceBindingStatus) {
		for i, isolation := range isolations {
			name := kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: []string{"cowboys", "farms"}[i]}
			out.BoundSchemas = append(out.BoundSchemas, kubebindv1alpha2.BoundSchemaReference{GroupResource: name, Isolation: isolation})
		}
		return out
	}
	const none, prefixed = kubebindv1alpha2.IsolationNone, kubebindv1alpha2.IsolationPrefixed
	for name, tc := range map[string]struct {
		before, after kubebindv1alpha2.APIServiceBindingStatus
		want          bool
	}{
		"nothing":                  {status(), status(), false},
		"namespaced":               {status(), status(""), false},
		"the first":                {status(), status(prefixed), true},
		"the same":                 {status(prefixed, none), status(prefixed, none), false},
		"one more":                 {status(prefixed), status(prefixed, none), true},
		"another isolation":        {status(none), status(prefixed), true},
		"one less":                 {status(prefixed, none), status(prefixed), false},
		"it was there without one": {status(""), status(prefixed), true},
	} {
		if got := remembersMore(tc.before, tc.after); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
