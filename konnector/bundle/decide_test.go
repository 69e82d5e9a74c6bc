// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// facts are those of a bundle whose provider exports a and b, changed by modifiers.
func facts(modifiers ...func(*Facts)) Facts {
	f := Facts{
		Bundle:  &kubebindv1alpha2.APIServiceBindingBundle{ObjectMeta: metav1.ObjectMeta{Name: "bundle", UID: "bundle"}},
		Health:  connection.Health{Synced: true, Beaten: true, PrettyName: "BigCorp"},
		Exports: sets.New("a", "b"),
		Remains: map[string]Remains{},
		Now:     now,
	}
	for _, modify := range modifiers {
		modify(&f)
	}
	return f
}

type onBinding func(*kubebindv1alpha2.APIServiceBinding)

func binding(name string, modifiers ...onBinding) func(*Facts) {
	b := kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, modify := range modifiers {
		modify(&b)
	}
	return func(f *Facts) { f.Bindings = append(f.Bindings, b) }
}

func ownedBy(uid string) onBinding {
	return func(b *kubebindv1alpha2.APIServiceBinding) {
		b.OwnerReferences = []metav1.OwnerReference{{Kind: "APIServiceBindingBundle", Name: "bundle", UID: types.UID(uid), Controller: ptr.To(true)}}
	}
}

func own(b *kubebindv1alpha2.APIServiceBinding) { ownedBy("bundle")(b) }

func terminating(b *kubebindv1alpha2.APIServiceBinding) {
	b.DeletionTimestamp = &metav1.Time{Time: now}
}

func without(reason string, since time.Duration) onBinding {
	return func(b *kubebindv1alpha2.APIServiceBinding) {
		c := kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionConnected, reason, kubebindv1alpha2.SeverityError, "")
		c.LastTransitionTime = metav1.NewTime(now.Add(-since))
		kubebindv1alpha2.SetCondition(&b.Status.Conditions, c)
	}
}

// long is a binding that has been saying for long enough that its export is gone.
func long(b *kubebindv1alpha2.APIServiceBinding) {
	without(kubebindv1alpha2.ReasonAPIServiceExportNotFound, settle)(b)
}

func carrying(policy string) onBinding {
	return func(b *kubebindv1alpha2.APIServiceBinding) {
		b.Annotations = map[string]string{kubebindv1alpha2.DeletionPolicyAnnotation: policy}
	}
}

func policy(value string) func(*Facts) {
	return func(f *Facts) {
		f.Bundle.Annotations = map[string]string{kubebindv1alpha2.DeletionPolicyAnnotation: value}
	}
}

func remains(name string, what Remains) func(*Facts) {
	return func(f *Facts) { f.Remains[name] = what }
}

func deleted(f *Facts) { f.Bundle.DeletionTimestamp = &metav1.Time{Time: now} }

func cascadeOrphan(f *Facts) { f.Bundle.Finalizers = []string{metav1.FinalizerOrphanDependents} }

func away(reason string) func(*Facts) {
	return func(f *Facts) { f.Health.Provider = &connection.Problem{Reason: reason, Message: "It is away."} }
}

func secret(reason string) func(*Facts) {
	return func(f *Facts) {
		f.Secret, f.Health, f.Exports = &connection.Problem{Reason: reason, Message: "no"}, connection.Health{}, nil
	}
}

func reading(f *Facts) { f.Health.Synced, f.Exports = false, nil }

func noExports(f *Facts) { f.Exports = sets.New[string]() }

func TestDecide(t *testing.T) {
	all := func(modifiers ...func(*Facts)) Facts {
		return facts(append([]func(*Facts){binding("a", own), binding("b", own)}, modifiers...)...)
	}
	// gone has a binding c whose export is gone, and objects.
	gone := func(modifiers ...func(*Facts)) Facts {
		return all(append([]func(*Facts){binding("c", own, long), remains("c", RemainsObjects)}, modifiers...)...)
	}
	for name, tc := range map[string]struct {
		facts                  Facts
		bind, annotate, unbind string
		reason                 string // of Synced; empty is True
		says                   string
		done                   bool
		lookAgain              time.Duration
	}{
		"everything is to be bound":                   {facts: facts(), bind: "a b"},
		"everything is bound":                         {facts: all()},
		"a new export":                                {facts: facts(binding("a", own)), bind: "b"},
		"no exports":                                  {facts: facts(noExports)},
		"made again once it is gone":                  {facts: facts(binding("a", own), binding("b", own, terminating)), reason: kubebindv1alpha2.ReasonUnbinding, says: "b"},
		"somebody else's":                             {facts: facts(binding("a", own), binding("b")), reason: kubebindv1alpha2.ReasonBindingConflict, says: "b"},
		"another bundle's":                            {facts: facts(binding("a", own), binding("b", ownedBy("other"))), reason: kubebindv1alpha2.ReasonBindingConflict, says: "b"},
		"somebody else's without an export":           {facts: all(binding("c", long), remains("c", RemainsNothing), policy(kubebindv1alpha2.DeletionPolicyDelete)), annotate: "a b"},
		"W22 gone, with objects":                      {facts: gone(), reason: kubebindv1alpha2.ReasonExportsWithdrawn, says: "c", lookAgain: lookAgain},
		"W22 and a conflict":                          {facts: facts(binding("a"), binding("b", own), binding("c", own, long), remains("c", RemainsObjects)), reason: kubebindv1alpha2.ReasonBindingConflict, says: "still objects", lookAgain: lookAgain},
		"gone, without objects":                       {facts: gone(remains("c", RemainsNothing)), unbind: "c", reason: kubebindv1alpha2.ReasonUnbinding, says: "c"},
		"gone, with objects, Delete":                  {facts: gone(policy(kubebindv1alpha2.DeletionPolicyDelete)), annotate: "a b c", unbind: "c", reason: kubebindv1alpha2.ReasonUnbinding},
		"gone, with objects, Orphan":                  {facts: gone(policy(kubebindv1alpha2.DeletionPolicyOrphan)), annotate: "a b c", unbind: "c", reason: kubebindv1alpha2.ReasonUnbinding},
		"gone, but not known of what is left":         {facts: gone(remains("c", RemainsUnknown), policy(kubebindv1alpha2.DeletionPolicyDelete)), annotate: "a b c", reason: kubebindv1alpha2.ReasonPending, says: "c", lookAgain: settle},
		"gone just now":                               {facts: all(binding("c", own, without(kubebindv1alpha2.ReasonAPIServiceExportNotFound, settle-1)), remains("c", RemainsNothing)), reason: kubebindv1alpha2.ReasonPending, lookAgain: settle},
		"gone, and the binding does not know it":      {facts: all(binding("c", own), remains("c", RemainsNothing)), reason: kubebindv1alpha2.ReasonPending, lookAgain: settle},
		"gone with the whole consumer":                {facts: all(binding("c", own, without("ConsumerRemoved", time.Hour)), remains("c", RemainsNothing), policy(kubebindv1alpha2.DeletionPolicyDelete)), annotate: "a b c", reason: kubebindv1alpha2.ReasonPending, lookAgain: settle},
		"gone after a refused request":                {facts: all(binding("c", own, without(kubebindv1alpha2.ReasonAPIServiceExportFailed, time.Hour)), remains("c", RemainsNothing)), unbind: "c", reason: kubebindv1alpha2.ReasonUnbinding},
		"gone, and being unbound":                     {facts: gone(func(f *Facts) { terminating(&f.Bindings[2]) }), reason: kubebindv1alpha2.ReasonUnbinding, says: "c"},
		"gone, and a policy that is not known":        {facts: gone(policy("delete"), remains("c", RemainsNothing)), reason: kubebindv1alpha2.ReasonInvalidDeletionPolicy, says: `"delete"`},
		"an empty policy is not known either":         {facts: gone(policy(""), remains("c", RemainsNothing)), reason: kubebindv1alpha2.ReasonInvalidDeletionPolicy},
		"a policy that is not known binds":            {facts: facts(binding("a", own), policy("delete")), bind: "b", reason: kubebindv1alpha2.ReasonInvalidDeletionPolicy},
		"the policy is passed on":                     {facts: facts(binding("a", own, carrying(kubebindv1alpha2.DeletionPolicyOrphan)), binding("b", own), policy(kubebindv1alpha2.DeletionPolicyOrphan)), annotate: "b"},
		"and taken back":                              {facts: facts(binding("a", own, carrying(kubebindv1alpha2.DeletionPolicyOrphan)), binding("b", own)), annotate: "a"},
		"but not from one that is being deleted":      {facts: facts(binding("a", own), binding("b", own, terminating, carrying(kubebindv1alpha2.DeletionPolicyOrphan))), reason: kubebindv1alpha2.ReasonUnbinding},
		"away: nothing is bound or unbound":           {facts: facts(binding("c", own, long), noExports, remains("c", RemainsNothing), away(kubebindv1alpha2.ReasonProviderUnreachable)), reason: kubebindv1alpha2.ReasonListExportsFailed, says: "away"},
		"refused: nothing is bound or unbound":        {facts: facts(binding("c", own, long), noExports, remains("c", RemainsNothing), away(kubebindv1alpha2.ReasonUnauthorized)), reason: kubebindv1alpha2.ReasonListExportsFailed},
		"nothing is known yet":                        {facts: facts(binding("c", own, long), reading, remains("c", RemainsNothing)), reason: kubebindv1alpha2.ReasonPending},
		"no Secret":                                   {facts: facts(binding("c", own, long), secret(kubebindv1alpha2.ReasonKubeconfigSecretNotFound)), reason: kubebindv1alpha2.ReasonPending},
		"deleted":                                     {facts: all(binding("c"), deleted), unbind: "a b", reason: kubebindv1alpha2.ReasonUnbinding, says: "2 APIServiceBindings are being unbound: a, b."},
		"deleted, by its policy":                      {facts: all(deleted, policy(kubebindv1alpha2.DeletionPolicyOrphan)), annotate: "a b", unbind: "a b", reason: kubebindv1alpha2.ReasonUnbinding},
		"deleted while the provider is away":          {facts: all(deleted, away(kubebindv1alpha2.ReasonProviderUnreachable)), unbind: "a b", reason: kubebindv1alpha2.ReasonUnbinding},
		"deleted without a Secret":                    {facts: all(deleted, secret(kubebindv1alpha2.ReasonKubeconfigSecretNotFound)), unbind: "a b", reason: kubebindv1alpha2.ReasonUnbinding},
		"deleted, with a policy that is not known":    {facts: all(deleted, policy("delete")), reason: kubebindv1alpha2.ReasonInvalidDeletionPolicy},
		"deleted, its bindings are on their way":      {facts: facts(binding("a", own, terminating), deleted), reason: kubebindv1alpha2.ReasonUnbinding, says: "a"},
		"deleted, its bindings are to stay":           {facts: all(deleted, cascadeOrphan), reason: kubebindv1alpha2.ReasonUnbinding},
		"deleted, and nothing is left":                {facts: facts(binding("c"), binding("d", ownedBy("other")), deleted), reason: kubebindv1alpha2.ReasonUnbinding, done: true},
		"deleted, its namesake's are left unbothered": {facts: facts(binding("a", ownedBy("earlier")), deleted), reason: kubebindv1alpha2.ReasonUnbinding, done: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(tc.facts)
			for what, have := range map[string][2]string{
				"bind":     {strings.Join(d.Bind, " "), tc.bind},
				"annotate": {names(d.Annotate), tc.annotate},
				"unbind":   {names(d.Unbind), tc.unbind},
			} {
				if have[0] != have[1] {
					t.Errorf("%s: got %q, want %q", what, have[0], have[1])
				}
			}
			c := kubebindv1alpha2.FindCondition(d.Status.Conditions, kubebindv1alpha2.ConditionSynced)
			if c == nil || c.Reason != tc.reason || (c.Status == metav1.ConditionTrue) != (tc.reason == "") || !strings.Contains(c.Message, tc.says) {
				t.Errorf("got %+v, want %q saying %q", c, tc.reason, tc.says)
			}
			if d.Done != tc.done || d.LookAgain != tc.lookAgain {
				t.Errorf("got done %v and another look after %v, want %v and %v", d.Done, d.LookAgain, tc.done, tc.lookAgain)
			}
			draining := kubebindv1alpha2.FindCondition(d.Status.Conditions, kubebindv1alpha2.ConditionDraining) != nil
			if draining != (tc.facts.Bundle.DeletionTimestamp != nil) {
				t.Errorf("condition Draining is there: %v", draining)
			}
		})
	}
}

// Only what is asked about is read, and only while that can matter.
func TestWithdrawnBindings(t *testing.T) {
	candidates := []func(*Facts){
		binding("a", own, long), binding("c", own, long), binding("d", own), binding("e", own, long, terminating), binding("f", long),
	}
	for name, tc := range map[string]struct {
		modify func(*Facts)
		want   string
	}{
		"own, without export, settled":   {func(*Facts) {}, "c"},
		"not while the provider is away": {away(kubebindv1alpha2.ReasonProviderUnreachable), ""},
		"not before all is known":        {reading, ""},
		"not when all goes anyway":       {deleted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(withdrawnBindings(facts(append(slices.Clone(candidates), tc.modify)...))); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDecideStatus(t *testing.T) {
	d := Decide(facts(binding("a", own), binding("b", own)))
	if d.Status.ProviderPrettyName != "BigCorp" || !kubebindv1alpha2.IsTrue(d.Status.Conditions, kubebindv1alpha2.ConditionReady) {
		t.Errorf("got %+v", d.Status)
	}
	again := facts(secret(kubebindv1alpha2.ReasonKubeconfigSecretInvalid))
	again.Bundle.Status = d.Status
	d = Decide(again)
	c := kubebindv1alpha2.FindCondition(d.Status.Conditions, kubebindv1alpha2.ConditionReady)
	if d.Status.ProviderPrettyName != "BigCorp" || c.Reason != kubebindv1alpha2.ReasonKubeconfigSecretInvalid {
		t.Errorf("got %+v", d.Status)
	}
}

func names(bindings []*kubebindv1alpha2.APIServiceBinding) string {
	var out []string
	for _, b := range bindings {
		out = append(out, b.Name)
	}
	return strings.Join(out, " ")
}
