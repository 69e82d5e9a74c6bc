// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"slices"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// What the export has not any more is looked at as long as the binding remembers it, and is remembered as long as its CRD is there:
// its objects could not be deleted otherwise, and nor could the binding.
func TestWithdrawnResourceIsRemembered(t *testing.T) {
	cowboys, farms := kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}, kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "farms"}
	brought := func(f *Facts) {
		f.Binding.Status.BoundSchemas = []kubebindv1alpha2.BoundSchemaReference{{GroupResource: farms}, {GroupResource: cowboys}}
	}
	for name, tc := range map[string]struct {
		facts Facts
		want  []kubebindv1alpha2.GroupResource
	}{
		"first seen":                     {facts(), []kubebindv1alpha2.GroupResource{cowboys}},
		"made again without farms":       {facts(brought), []kubebindv1alpha2.GroupResource{cowboys, farms}},
		"made again, and not ready yet":  {facts(brought, func(f *Facts) { f.Export.Status.Conditions = nil }), []kubebindv1alpha2.GroupResource{cowboys, farms}},
		"withdrawn":                      {facts(brought, noExport), []kubebindv1alpha2.GroupResource{farms, cowboys}},
		"first seen, and not ready yet":  {facts(func(f *Facts) { f.Export.Status.Conditions = nil }), nil},
		"the export is not there at all": {facts(noExport), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := resourceNames(tc.facts); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	for name, tc := range map[string]struct {
		facts Facts
		want  int
	}{
		"the CRD is there": {facts(withFarms), 2},
		"the CRD is gone":  {facts(withFarms, func(f *Facts) { f.Resources[1].CRD = nil }), 1},
	} {
		if got := Decide(tc.facts).Status.BoundSchemas; len(got) != tc.want {
			t.Errorf("%s: %+v are remembered", name, got)
		}
	}
}

// What the export has not any more is not claimed, and nothing of the export refers from it.
func TestWithdrawnResourceIsNotClaimed(t *testing.T) {
	farms := kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "farms"}
	f := facts(withFarms, func(f *Facts) {
		f.Export.Spec.PermissionClaims[0].Selector.References = []kubebindv1alpha2.SelectorReference{{GroupResource: farms}}
	})
	for _, claim := range claimable(f) {
		if claim.GVR.Resource == "farms" {
			t.Error("it can be claimed")
		}
	}
	if got := text(Decide(f).Status.Conditions, kubebindv1alpha2.ConditionPermissionClaim); got != "False/Error/ReferenceNotBound" {
		t.Errorf("a claim that refers from it: %s", got)
	}
}
