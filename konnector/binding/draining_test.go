// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
)

func annotated(key, value string) func(*Facts) {
	return func(f *Facts) {
		f.Binding = f.Binding.DeepCopy()
		metav1.SetMetaDataAnnotation(&f.Binding.ObjectMeta, key, value)
	}
}

func followsClaims(f *Facts) {
	f.Binding = f.Binding.DeepCopy()
	f.Binding.Status.PermissionClaims = f.Export.Spec.PermissionClaims
}

func shares(p connection.ClaimProgress) func(*Facts) {
	return func(f *Facts) {
		followsClaims(f)
		f.Progress.Claims = map[runtimeschema.GroupVersionResource]connection.ClaimProgress{{Version: "v1", Resource: "secrets"}: p}
	}
}

func providerAway(f *Facts) {
	f.Health.Provider = &connection.Problem{Reason: kubebindv1alpha2.ReasonProviderUnreachable, Message: "no answer"}
}

func TestDecideEnd(t *testing.T) {
	objects, none := Ending{Objects: map[string]int64{"cowboys.wildwest.dev": 3}}, Ending{}
	halted, haltedNone := objects, Ending{Halted: true}
	halted.Halted = true
	orphan := annotated(kubebindv1alpha2.DeletionPolicyAnnotation, kubebindv1alpha2.DeletionPolicyOrphan)
	force := annotated(kubebindv1alpha2.ForceUnbindAnnotation, "true")
	gone := func(f *Facts) { f.Health.Removed = true }
	withdrawn := func(f *Facts) { f.Export = nil }
	back := connection.ClaimProgress{Running: true, Synced: true, TakingBack: true}
	left := back
	left.Left = 1
	hidden, hiddenLeft := back, left
	hidden.Synced, hiddenLeft.Synced = false, false
	for name, tc := range map[string]struct {
		facts   Facts
		ending  Ending
		want    Way
		problem string
	}{
		"shared, none left":            {facts(), Ending{Objects: map[string]int64{"cowboys.wildwest.dev": 0}, Drained: true}, Way{}, ""},
		"shared, none left, halted":    {facts(), Ending{Objects: map[string]int64{"cowboys.wildwest.dev": 0}, Drained: true, Halted: true}, Way{RemoveSchemas: true}, ""},
		"shared, none left, away":      {facts(providerAway), Ending{Objects: map[string]int64{"cowboys.wildwest.dev": 0}, Drained: true, Halted: true}, Way{RemoveSchemas: true}, ""},
		"objects":                      {facts(), objects, Way{Sync: true, RemoveSchemas: true}, ""},
		"nothing left":                 {facts(), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true, Done: true}, ""},
		"claimed objects":              {facts(shares(left)), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true}, ""},
		"claimed objects, not yet":     {facts(shares(connection.ClaimProgress{Running: true, Synced: true})), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true}, ""},
		"claimed objects, unknown":     {facts(followsClaims), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true}, ""},
		"claimed objects, all back":    {facts(shares(back)), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true, Done: true}, ""},
		"refused, not to be seen":      {facts(shares(hidden), refuses, lack(true, "list")), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true, Done: true}, ""},
		"refused, still to be read":    {facts(shares(hidden), refuses), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true}, ""},
		"accepted, not to be seen":     {facts(shares(hidden), lack(true, "list")), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true}, ""},
		"refused, and some are left":   {facts(shares(hiddenLeft), refuses, lack(true, "list")), none, Way{Sync: true, RemoveSchemas: true, TakeBack: true}, ""},
		"no such policy":               {facts(annotated(kubebindv1alpha2.DeletionPolicyAnnotation, "Keep")), none, Way{Sync: true}, kubebindv1alpha2.ReasonInvalidDeletionPolicy},
		"an empty policy":              {facts(annotated(kubebindv1alpha2.DeletionPolicyAnnotation, "")), none, Way{Sync: true}, kubebindv1alpha2.ReasonInvalidDeletionPolicy},
		"orphan, not ready":            {facts(orphan), objects, Way{Sync: true}, ""},
		"orphan, ready":                {facts(orphan, func(f *Facts) { f.Progress.Orphaning = 1 }), objects, Way{Sync: true, RemoveSchemas: true}, ""},
		"orphan, not all run":          {facts(orphan, func(f *Facts) { f.Progress = connection.Progress{} }), objects, Way{Sync: true}, ""},
		"orphan, nothing left":         {facts(orphan), none, Way{Sync: true, RemoveSchemas: true, Done: true}, ""},
		"orphan, provider away":        {facts(orphan, providerAway), objects, Way{Sync: true}, kubebindv1alpha2.ReasonUnbindingBlocked},
		"provider away":                {facts(providerAway), objects, Way{Sync: true, RemoveSchemas: true}, kubebindv1alpha2.ReasonUnbindingBlocked},
		"provider away, nothing left":  {facts(providerAway), none, Way{Sync: true, RemoveSchemas: true, Done: true}, kubebindv1alpha2.ReasonUnbindingBlocked},
		"provider away, claims":        {facts(shares(left), providerAway), none, Way{Sync: true, RemoveSchemas: true}, kubebindv1alpha2.ReasonUnbindingBlocked},
		"no Secret":                    {facts(secretProblem(kubebindv1alpha2.ReasonKubeconfigSecretNotFound)), objects, Way{Sync: true, RemoveSchemas: true}, kubebindv1alpha2.ReasonUnbindingBlocked},
		"forced, not halted":           {facts(force, providerAway), objects, Way{}, ""},
		"forced":                       {facts(force, providerAway), halted, Way{RemoveSchemas: true, Release: true}, ""},
		"forced, nothing left":         {facts(force, providerAway), haltedNone, Way{RemoveSchemas: true, Release: true, Done: true}, ""},
		"forced, another word":         {facts(annotated(kubebindv1alpha2.ForceUnbindAnnotation, "yes"), providerAway), objects, Way{Sync: true, RemoveSchemas: true}, kubebindv1alpha2.ReasonUnbindingBlocked},
		"consumer removed, not halted": {facts(gone), objects, Way{}, ""},
		"consumer removed":             {facts(gone), haltedNone, Way{RemoveSchemas: true, Release: true, Done: true}, ""},
		"export withdrawn":             {facts(followsClaims, withdrawn), objects, Way{Sync: true, RemoveSchemas: true}, ""},
		"export withdrawn, all gone":   {facts(followsClaims, withdrawn), none, Way{Sync: true, RemoveSchemas: true, Done: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := decideEnd(tc.facts, tc.ending)
			problem := ""
			if got.Problem != nil {
				problem = got.Problem.Reason
			}
			if got.Problem = nil; got != tc.want || problem != tc.problem {
				t.Errorf("got %+v (%s), want %+v (%s)", got, problem, tc.want, tc.problem)
			}
		})
	}
}

func TestWrongForceIsNamed(t *testing.T) {
	way := decideEnd(facts(annotated(kubebindv1alpha2.ForceUnbindAnnotation, "yes"), providerAway), Ending{})
	if !strings.Contains(way.Problem.Message, `"yes" is not that`) {
		t.Errorf("the message is %q", way.Problem.Message)
	}
}

func TestDrainingStatus(t *testing.T) {
	f := facts(providerAway)
	f.Binding.Status.BoundSchemas = []kubebindv1alpha2.BoundSchemaReference{{GroupResource: f.Resources[0].Name}}
	e := Ending{Objects: map[string]int64{"cowboys.wildwest.dev": 3}}
	status := drainingStatus(Decide(f).Status, f, e, decideEnd(f, e))
	for _, conditionType := range []string{kubebindv1alpha2.ConditionDraining, kubebindv1alpha2.ConditionReady} {
		c := kubebindv1alpha2.FindCondition(status.Conditions, conditionType)
		for _, want := range []string{"3 cowboys.wildwest.dev", "no answer", kubebindv1alpha2.ForceUnbindAnnotation + "=true"} {
			if !strings.Contains(c.Message, want) {
				t.Errorf("%s lacks %q: %s", conditionType, want, c.Message)
			}
		}
		if drains := conditionType == kubebindv1alpha2.ConditionDraining; drains != (c.Status == metav1.ConditionTrue) {
			t.Errorf("%s is %s", conditionType, c.Status)
		}
	}
}

// A binding whose end cannot be seen says so, and which right that takes.
func TestUnseenStatus(t *testing.T) {
	forbidden := apierrors.NewForbidden(runtimeschema.GroupResource{Group: "wildwest.dev", Resource: "farms"}, "", errors.New("no right to list"))
	for name, tc := range map[string]struct {
		facts Facts
		says  string
	}{
		"the API server says":    {facts(), "no right to list"},
		"the konnector knows it": {facts(lack(false, "list")), "cowboys:bigcorp"},
	} {
		t.Run(name, func(t *testing.T) {
			status := unseenStatus(kubebindv1alpha2.APIServiceBindingStatus{}, tc.facts, forbidden)
			for _, c := range []string{kubebindv1alpha2.ConditionDraining, kubebindv1alpha2.ConditionReady} {
				have := kubebindv1alpha2.FindCondition(status.Conditions, c)
				if have == nil || have.Reason != kubebindv1alpha2.ReasonUnbindingBlocked || !strings.Contains(have.Message, tc.says) {
					t.Errorf("%s: %+v", c, have)
				}
			}
		})
	}
}
