// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// The tests of this file are the scenarios of spec/behaviour.md, section 4, as far as the plan decides them.

// W5: fields that were removed on the consumer stayed on the provider, and defaults there made an update per event.
func TestW5RemovedFieldsGoAndDefaultsStay(t *testing.T) {
	made := copyOf(t, object(synced()), with("default", "spec", "defaulted"))
	if got := line(plan(Input{Consumer: object(synced()), Provider: made})); got != "" {
		t.Fatalf("a default of the provider is answered with %s", got)
	}
	applied := find(t, plan(Input{Consumer: object(synced(), without("spec", "colour")), Provider: made}), Apply)
	if applied.Repair {
		t.Error("a change of the consumer is taken for one of the provider")
	}
	// Server-side apply removes what its manager applied before and does not send any more.
	if _, found, _ := unstructured.NestedString(applied.Object.Object, "spec", "colour"); found {
		t.Error("the removed field is still applied")
	}
	if _, found, _ := unstructured.NestedString(applied.Object.Object, "spec", "defaulted"); found {
		t.Error("the provider's field is applied, which would make it ours")
	}
}

// W10: with isolation None, the provider's own objects and those of other tenants were deleted, overwritten and read.
func TestW10ObjectsOfOthersAreLeftAlone(t *testing.T) {
	for name, whose := range map[string]change{
		"provider's own": unmarked(), "another tenant's": ofOtherPlace(), "another cluster's": ofOtherCluster(),
	} {
		t.Run(name, func(t *testing.T) {
			theirs := copyOf(t, object(), whose, status("Secret"))
			for state, consumer := range map[string]*unstructured.Unstructured{
				"absent": nil, "new": object(), "live": object(synced()), "deleted": object(synced(), deleted()),
			} {
				for _, a := range plan(Input{Consumer: consumer, Provider: theirs}) {
					if a.Kind.OnProvider() || a.Kind == PatchStatus {
						t.Errorf("consumer object %s: %s", state, a.Kind)
					}
				}
			}
		})
	}
}

// W20: the finalizer went before the copy, and a consumer object made again wrote into the dying copy.
func TestW20TheFinalizerStaysAsLongAsTheCopy(t *testing.T) {
	dying := object(synced(), deleted())
	held := copyOf(t, object(), finalizedBy("provider/finalizer"))
	if got := line(plan(Input{Consumer: dying, Provider: held})); got != "Delete" {
		t.Errorf("copy is there: %s", got)
	}
	deleted()(held)
	if got := line(plan(Input{Consumer: dying, Provider: held})); got != "" {
		t.Errorf("copy is terminating: %s", got)
	}
	again := object(with("uid-2", "metadata", "uid"), with("blue", "spec", "colour"))
	if got := line(plan(Input{Consumer: again, Provider: held})); got != "AddFinalizer" {
		t.Errorf("consumer object made again, copy is terminating: %s", got)
	}
	if got := line(plan(Input{Consumer: dying})); got != "RemoveFinalizer" {
		t.Errorf("copy is gone: %s", got)
	}
}

// W45: nobody was told of a conflict, and an unmarked object of the provider was adopted and overwritten.
func TestW45ConflictsAreReportedAndNothingIsAdopted(t *testing.T) {
	for name, tt := range map[string]struct {
		whose  change
		reason string
	}{
		"unmarked":      {unmarked(), ReasonConflict},
		"other place":   {ofOtherPlace(), ReasonConflict},
		"other cluster": {ofOtherCluster(), ReasonOtherCluster},
	} {
		t.Run(name, func(t *testing.T) {
			actions := plan(Input{Consumer: object(), Provider: copyOf(t, object(), tt.whose)})
			if len(actions) != 1 || actions[0].Kind != Report || actions[0].Reason != tt.reason || actions[0].Message == "" {
				t.Errorf("plan is %s", line(actions))
			}
		})
	}
}

// W46: labels, annotations and other top-level fields were never updated, and kubectl's annotation was copied.
func TestW46EverythingOfTheUserFollows(t *testing.T) {
	made := copyOf(t, object(synced(), label("old", "l"), annotation("old", "a"), with("d", "data", "old")))
	for name, c := range map[string]change{
		"label changed":            label("old", "new"),
		"label added":              label("new", "l"),
		"label removed":            without("metadata", "labels"),
		"annotation changed":       annotation("old", "new"),
		"annotation added":         annotation("example.org/new", "a"),
		"annotation removed":       withoutAnnotation("old"),
		"top-level field changed":  with("new", "data", "old"),
		"top-level field added":    with(true, "immutable"),
		"top-level field removed":  without("data"),
		"value became empty":       with(map[string]any{}, "data"),
		"number became text":       with("1", "spec", "size"),
		"list element added":       with([]any{map[string]any{"name": "http"}, map[string]any{"name": "ssh"}}, "spec", "ports"),
		"list element removed":     with([]any{}, "spec", "ports"),
		"spec removed altogether":  without("spec"),
		"annotation in our corner": annotation("not-kube-bind.io/x", "travels"),
	} {
		t.Run(name, func(t *testing.T) {
			changed := object(synced(), label("old", "l"), annotation("old", "a"), with("d", "data", "old"), c)
			applied := find(t, plan(Input{Consumer: changed, Provider: made}), Apply)
			if applied.Repair {
				t.Error("a change of the consumer is taken for one of the provider")
			}
		})
	}
	quiet := object(synced(), label("old", "l"), annotation("old", "a"), with("d", "data", "old"),
		annotation("kubectl.kubernetes.io/last-applied-configuration", "{}"),
		annotation(kubebindv1alpha2.ProviderUIDAnnotation, "upstream's"),
		finalizedBy("another/finalizer"), with("99", "metadata", "resourceVersion"), with(int64(99), "metadata", "generation"))
	if got := line(plan(Input{Consumer: quiet, Provider: made})); got != "" {
		t.Errorf("what does not travel is answered with %s", got)
	}
}
