// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestObject(t *testing.T) {
	live := object(synced())
	dying := object(synced(), finalizedBy("someone.else/finalizer"), deleted())
	pending := Target{State: Pending}
	refused := Target{State: Refused, Reason: "NameTooLong", Message: "m"}
	elsewhere, claiming, telling := Target{State: Elsewhere}, ready(), ready()
	claiming.Claim = true
	telling.Reason, telling.Message = "Told", "m"

	tests := []struct {
		name               string
		consumer, provider *unstructured.Unstructured
		target             Target
		want               string
	}{
		{"absent, absent", nil, nil, ready(), ""},
		{"absent, orphan", nil, copyOf(t, live), ready(), "Delete"},
		{"absent, orphan, target pending", nil, copyOf(t, live), pending, "Delete"},
		{"absent, orphan terminating", nil, copyOf(t, live, deleted()), ready(), ""},
		{"absent, copy of another cluster", nil, copyOf(t, live, ofOtherCluster()), ready(), ""},
		{"absent, copy of upstream", nil, copyOf(t, live, ofUpstream()), ready(), ""},
		{"absent, copy of another place", nil, copyOf(t, live, ofOtherPlace()), ready(), ""},
		{"absent, provider's own object", nil, copyOf(t, live, unmarked()), ready(), ""},

		{"terminating without finalizer, copy", object(deleted()), copyOf(t, live), ready(), ""},
		{"terminating without finalizer, no copy", object(deleted()), nil, ready(), ""},
		{"terminating without finalizer, target pending", object(deleted()), nil, pending, ""},
		{"terminating, copy", dying, copyOf(t, live), ready(), "Delete"},
		{"terminating, copy of upstream", dying, copyOf(t, live, ofUpstream()), ready(), "Delete"},
		{"terminating, copy, target refused since", dying, copyOf(t, live), refused, "Delete"},
		{"terminating, copy terminating", dying, copyOf(t, live, deleted()), ready(), ""},
		{"terminating, no copy", dying, nil, ready(), "RemoveFinalizer"},
		{"terminating, no copy, target pending", dying, nil, pending, "Report(NamespacePending)"},
		{"terminating, no copy, target refused", dying, nil, refused, "RemoveFinalizer"},
		{"terminating, copy of another cluster", dying, copyOf(t, live, ofOtherCluster()), ready(), "RemoveFinalizer"},
		{"terminating, copy of another place", dying, copyOf(t, live, ofOtherPlace()), ready(), "RemoveFinalizer"},
		{"terminating, provider's own object", dying, copyOf(t, live, unmarked()), ready(), "RemoveFinalizer"},

		{"new, target pending", object(), nil, pending, "Report(NamespacePending)"},
		{"new, target refused", object(), nil, refused, "Report(NameTooLong)"},
		{"live, target pending again", live, nil, pending, "Report(NamespacePending)"},

		{"new, provider's own object", object(), copyOf(t, live, unmarked()), ready(), "Report(Conflict)"},
		{"new, copy of another place", object(), copyOf(t, live, ofOtherPlace()), ready(), "Report(Conflict)"},
		{"new, copy of another cluster", object(), copyOf(t, live, ofOtherCluster()), ready(), "Report(OtherCluster)"},
		{"new, upstream's copy of another object", object(), copyOf(t, live, ofUpstreamFor("uid-9")), ready(), "Report(OtherCluster)"},
		{"live, copy taken by another cluster", live, copyOf(t, live, ofOtherCluster(), deleted()), ready(), "Report(OtherCluster)"},

		{"another binding's, new", object(), nil, elsewhere, ""},
		{"another binding's, with what was here before", live, copyOf(t, live), elsewhere, ""},
		{"another binding's, terminating", dying, copyOf(t, live), elsewhere, ""},
		{"another binding's, gone", nil, copyOf(t, live), elsewhere, "Delete"},
		{"one of several, new", object(), nil, claiming, "AddFinalizer, Create"},
		{"one of several, carried before there were others", live, copyOf(t, live, status("Up")), claiming, "AddFinalizer"},
		{"one of several, carried for another", object(synced(), carrier("b9")), copyOf(t, live), claiming, "AddFinalizer"},
		{"one of several, carried", object(synced(), carrier("b1")), copyOf(t, live, status("Up")), claiming, "PatchStatus"},
		{"one of several, terminating", dying, nil, claiming, "RemoveFinalizer"},
		{"with something to tell", object(synced()), copyOf(t, live, status("Up")), telling, "PatchStatus, Report(Told)"},
		{"with something to tell, in sync", live, copyOf(t, live), telling, "Report(Told)"},

		{"copy of a claimed object", object(copiedDown()), nil, ready(), ""},
		{"said to be the copy of a claimed object", object(synced(), copiedDown()), copyOf(t, live, deleted()), ready(), ""},
		{"said to be the copy of a claimed object, terminating", object(synced(), copiedDown(), deleted()), nil, ready(), "RemoveFinalizer"},

		{"new, absent", object(), nil, ready(), "AddFinalizer, Create"},
		{"new with status, absent", object(status("Old")), nil, ready(), "AddFinalizer, Create"},
		{"live, absent: deleted under us", live, nil, ready(), "Create"},

		{"new, copy terminating", object(), copyOf(t, live, deleted()), ready(), "AddFinalizer"},
		{"live, copy terminating", live, copyOf(t, live, deleted(), status("Going")), ready(), ""},

		{"live, content differs", object(synced(), with("blue", "spec", "colour")), copyOf(t, live), ready(), "Apply"},
		{"live, content and status differ", object(synced(), with("blue", "spec", "colour")), copyOf(t, live, status("Up")), ready(), "Apply, PatchStatus"},
		{"new, content and status differ", object(with("blue", "spec", "colour")), copyOf(t, live, status("Up")), ready(), "AddFinalizer, Apply"},
		{"live, copy of upstream", live, copyOf(t, live, ofUpstream()), ready(), "Apply"},
		{"made again by force, copy of the predecessor", object(synced(), with("uid-2", "metadata", "uid")), copyOf(t, live), ready(), "Apply"},
		{"live, copy edited on the provider", live, copyOf(t, live, with("blue", "spec", "colour")), ready(), "Apply(repair)"},
		{"live, mark lost on the provider", live, copyOf(t, live, withoutAnnotation(kubebindv1alpha2.ConsumerUIDAnnotation)), ready(), "Apply(repair)"},
		{"live, hash lost on the provider", live, copyOf(t, live, withoutAnnotation(kubebindv1alpha2.AppliedHashAnnotation)), ready(), "Apply"},

		{"live, in sync", live, copyOf(t, live), ready(), ""},
		{"live, in sync, fields added on the provider", live, copyOf(t, live, with("x", "spec", "default"), label("their", "label")), ready(), ""},
		{"live, in sync, same status", object(synced(), status("Up")), copyOf(t, live, status("Up")), ready(), ""},
		{"live, in sync, no status yet", live, copyOf(t, live, status("Up")), ready(), "PatchStatus"},
		{"live, in sync, old status", object(synced(), status("Old")), copyOf(t, live, status("Up")), ready(), "PatchStatus"},
		{"live, in sync, status gone", object(synced(), status("Old")), copyOf(t, live), ready(), "PatchStatus"},
		{"new, in sync, status differs", object(), copyOf(t, live, status("Up")), ready(), "AddFinalizer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			actions := Object(Input{Consumer: tt.consumer, Provider: tt.provider, Target: tt.target, Policy: policy()})
			if got := line(actions); got != tt.want {
				t.Errorf("plan is\n  %s, want\n  %s", got, tt.want)
			}
		})
	}
}

// With DeletionPolicyOrphan copies outlive their objects, and are there to be taken over.
func TestOrphaning(t *testing.T) {
	live, dying := object(synced()), object(synced(), deleted())
	behind := annotation(kubebindv1alpha2.OrphanedAnnotation, "true")
	for name, tc := range map[string]struct {
		consumer, provider *unstructured.Unstructured
		orphan             bool
		want               string
	}{
		"live":                       {live, copyOf(t, live), true, ""},
		"live, differs":              {object(synced(), with("blue", "spec", "colour")), copyOf(t, live), true, "Apply"},
		"terminating":                {dying, copyOf(t, live), true, "Mark"},
		"terminating, marked":        {dying, copyOf(t, live, behind), true, "RemoveFinalizer"},
		"gone":                       {nil, copyOf(t, live), true, ""},
		"left behind":                {nil, copyOf(t, live, behind), false, ""},
		"left behind, there again":   {object(), copyOf(t, live, behind), false, "AddFinalizer, Mark"},
		"left behind, deleted again": {dying, copyOf(t, live, behind), false, "Delete"},
		"somebody else's":            {dying, copyOf(t, live, ofOtherCluster()), true, "RemoveFinalizer"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			p.Orphan = tc.orphan
			if got := line(Object(Input{Consumer: tc.consumer, Provider: tc.provider, Target: ready(), Policy: p})); got != tc.want {
				t.Errorf("plan is\n  %s, want\n  %s", got, tc.want)
			}
		})
	}
}

func TestOwner(t *testing.T) {
	marked := func(changes ...change) *unstructured.Unstructured { return copyOf(t, object(), changes...) }
	tests := []struct {
		name               string
		provider, consumer *unstructured.Unstructured
		want               ownership
	}{
		{"nothing", nil, object(), nobodys},
		{"both marks", marked(), object(), ours},
		{"both marks, no consumer object", marked(), nil, ours},
		{"both marks, another consumer object", marked(), object(with("uid-2", "metadata", "uid")), ours},
		{"another cluster, this consumer object", marked(ofOtherCluster()), object(), otherCluster},
		{"another cluster, no consumer object", marked(ofOtherCluster()), nil, otherCluster},
		{"empty cluster, this consumer object", marked(annotation(kubebindv1alpha2.ConsumerClusterAnnotation, "")), object(), otherCluster},
		{"upstream, this consumer object", marked(ofUpstream()), object(), ours},
		{"upstream, another consumer object", marked(ofUpstreamFor("uid-9")), object(), otherCluster},
		{"upstream, no consumer object", marked(ofUpstream()), nil, otherCluster},
		{"upstream without UID, consumer object without UID", marked(ofUpstreamFor("")), object(without("metadata", "uid")), otherCluster},
		{"another place", marked(ofOtherPlace()), object(), foreign},
		{"no place", marked(withoutAnnotation(kubebindv1alpha2.ClusterNamespaceAnnotation)), object(), foreign},
		{"no marks", marked(unmarked()), object(), foreign},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := owner(tt.provider, tt.consumer, policy()); got != tt.want {
				t.Errorf("owner is %d, want %d", got, tt.want)
			}
		})
	}
}

func TestAnIncompletePolicyPlansNothing(t *testing.T) {
	for name, p := range map[string]Policy{
		"no contract namespace": {ConsumerCluster: cluster},
		"no consumer cluster":   {ContractNamespace: place},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []Input{
				{Consumer: object(), Target: ready(), Policy: p},
				{Provider: copyOf(t, object(), unmarked()), Target: ready(), Policy: p},
				{Consumer: object(synced(), deleted()), Target: ready(), Policy: p},
			} {
				if got := line(Object(in)); got != "" {
					t.Errorf("plan is %s", got)
				}
			}
		})
	}
}

func TestClusterScopedObjects(t *testing.T) {
	consumer := object(without("metadata", "namespace"))
	target := Target{State: Ready, Key: types.NamespacedName{Name: place + "-a"}}
	actions := Object(Input{Consumer: consumer, Target: target, Policy: policy()})
	made := find(t, actions, Create).Object
	if _, found, _ := unstructured.NestedString(made.Object, "metadata", "namespace"); found || made.GetName() != target.Key.Name {
		t.Errorf("copy is %s/%s", made.GetNamespace(), made.GetName())
	}
	if _, found := made.GetAnnotations()[kubebindv1alpha2.ConsumerNamespaceAnnotation]; found {
		t.Error("copy has the mark of a consumer namespace")
	}
	if key := find(t, actions, AddFinalizer).Key; key != (types.NamespacedName{Name: "a"}) {
		t.Errorf("finalizer goes to %s", key)
	}
}

func TestActionsCarryTheirPrecondition(t *testing.T) {
	live := object(synced(), finalizedBy("someone.else/finalizer"))
	consumerKey, copyKey := types.NamespacedName{Namespace: "ns", Name: "a"}, ready().Key
	tests := []struct {
		kind  Kind
		in    Input
		key   types.NamespacedName
		uid   types.UID
		rv    string
		patch string
	}{
		{AddFinalizer, Input{Consumer: object(finalizedBy("someone.else/finalizer"))}, consumerKey, "uid-1", "7",
			`{"metadata":{"annotations":{"kube-bind.io/carried-by":"b1"},"finalizers":["someone.else/finalizer","kubebind.io/syncer"],"resourceVersion":"7","uid":"uid-1"}}`},
		{RemoveFinalizer, Input{Consumer: object(synced(), finalizedBy("someone.else/finalizer"), deleted())}, consumerKey, "uid-1", "7",
			`{"metadata":{"finalizers":["someone.else/finalizer"],"resourceVersion":"7","uid":"uid-1"}}`},
		{RemoveFinalizer, Input{Consumer: object(synced(), deleted())}, consumerKey, "uid-1", "7",
			`{"metadata":{"finalizers":[],"resourceVersion":"7","uid":"uid-1"}}`},
		{PatchStatus, Input{Consumer: live, Provider: copyOf(t, live, status("Up"))}, consumerKey, "uid-1", "",
			`[{"op":"test","path":"/metadata/uid","value":"uid-1"},{"op":"add","path":"/status","value":{"phase":"Up"}}]`},
		{PatchStatus, Input{Consumer: object(synced(), status("Old")), Provider: copyOf(t, live)}, consumerKey, "uid-1", "",
			`[{"op":"test","path":"/metadata/uid","value":"uid-1"},{"op":"remove","path":"/status"}]`},
		{Create, Input{Consumer: live}, copyKey, "", "", ""},
		{Apply, Input{Consumer: object(synced(), label("a", "b")), Provider: copyOf(t, live)}, copyKey, otherCopyUID, "", ""},
		{Delete, Input{Provider: copyOf(t, live)}, copyKey, otherCopyUID, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.kind.String(), func(t *testing.T) {
			a := find(t, plan(tt.in), tt.kind)
			if a.Key != tt.key || a.UID != tt.uid || a.ResourceVersion != tt.rv || string(a.Patch) != tt.patch {
				t.Errorf("key %s uid %q resourceVersion %q patch %s", a.Key, a.UID, a.ResourceVersion, a.Patch)
			}
			if a.Object != nil && (a.Object.GetUID() != tt.uid || a.Object.GetResourceVersion() != "") {
				t.Errorf("object to apply has uid %q and resourceVersion %q", a.Object.GetUID(), a.Object.GetResourceVersion())
			}
		})
	}
}

func TestReportsSayWhatToDoAndNotWhoseItIs(t *testing.T) {
	live := object(synced())
	foreign := copyOf(t, live, ofOtherPlace(), annotation(kubebindv1alpha2.ConsumerUIDAnnotation, "their-uid"))
	r := find(t, plan(Input{Consumer: live, Provider: foreign}), Report)
	if !strings.Contains(r.Message, ready().Key.String()) || strings.Contains(r.Message, "kube-bind-other") || strings.Contains(r.Message, "their-uid") {
		t.Errorf("message about a foreign object: %s", r.Message)
	}
	r = find(t, plan(Input{Consumer: live, Provider: copyOf(t, live, ofOtherCluster())}), Report)
	if !strings.Contains(r.Message, string(cluster)) || strings.Contains(r.Message, "cluster-2") {
		t.Errorf("message about the copy of another cluster: %s", r.Message)
	}
	for _, state := range []TargetState{Pending, Refused} {
		r = find(t, Object(Input{Consumer: live, Target: Target{State: state, Message: "because"}, Policy: policy()}), Report)
		if r.Message != "because" || r.Reason == "" {
			t.Errorf("target's message is not used: %+v", r)
		}
		r = find(t, Object(Input{Consumer: live, Target: Target{State: state}, Policy: policy()}), Report)
		if r.Message == "" || r.Key.Name != "a" || r.UID != "uid-1" {
			t.Errorf("report without a reason of the target is incomplete: %+v", r)
		}
	}
}

func TestKindsHaveNamesAndOneSide(t *testing.T) {
	for k := AddFinalizer; k <= Prune; k++ {
		if strings.HasPrefix(k.String(), "Kind(") {
			t.Errorf("kind %d has no name", k)
		}
		if k.OnConsumer() && k.OnProvider() || k == Report == (k.OnConsumer() || k.OnProvider()) {
			t.Errorf("%s: consumer %v, provider %v", k, k.OnConsumer(), k.OnProvider())
		}
	}
	if got := Kind(0).String(); got != "Kind(0)" {
		t.Errorf("no kind is called %s", got)
	}
}
