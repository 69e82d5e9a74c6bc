// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/schema"
)

func member(name string, resources ...string) kubebindv1alpha2.APIServiceBinding {
	b := kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	for _, r := range resources {
		b.Status.BoundSchemas = append(b.Status.BoundSchemas, kubebindv1alpha2.BoundSchemaReference{
			GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: r}})
	}
	return b
}

// ownedBy is a CRD with owners; a star marks its controller.
func ownedBy(owners ...string) *apiextensionsv1.CustomResourceDefinition {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	for _, name := range owners {
		ref := metav1.OwnerReference{Name: strings.TrimSuffix(name, "*"), UID: types.UID(strings.TrimSuffix(name, "*"))}
		if strings.HasSuffix(name, "*") {
			ref.Controller = ptr.To(true)
		}
		crd.OwnerReferences = append(crd.OwnerReferences, ref)
	}
	return crd
}

func TestMembers(t *testing.T) {
	resource := kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}
	for name, tc := range map[string]struct {
		crd      *apiextensionsv1.CustomResourceDefinition
		bindings []kubebindv1alpha2.APIServiceBinding
		want     string
	}{
		"one":                              {ownedBy("a*"), []kubebindv1alpha2.APIServiceBinding{member("a")}, "a"},
		"the controller comes first":       {ownedBy("b", "a*"), []kubebindv1alpha2.APIServiceBinding{member("a"), member("b")}, "a b"},
		"without one, the oldest":          {ownedBy("b", "a"), []kubebindv1alpha2.APIServiceBinding{member("a"), member("b")}, "b a"},
		"one that is gone":                 {ownedBy("a*", "b"), []kubebindv1alpha2.APIServiceBinding{member("b")}, "b"},
		"made again under its name":        {ownedBy("a*"), []kubebindv1alpha2.APIServiceBinding{{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "new"}}}, ""},
		"of other resources":               {ownedBy("a*"), []kubebindv1alpha2.APIServiceBinding{member("a"), member("b", "sheriffs")}, "a"},
		"taken away by the collector":      {ownedBy("b"), []kubebindv1alpha2.APIServiceBinding{member("a", "cowboys"), member("b", "cowboys")}, "b a"},
		"no CRD":                           {nil, []kubebindv1alpha2.APIServiceBinding{member("a"), member("b", "cowboys")}, "b"},
		"somebody's, and they have had it": {ownedBy("x"), []kubebindv1alpha2.APIServiceBinding{member("a", "cowboys")}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range tableOf(members(tc.crd, resource, tc.bindings)).Members {
				got = append(got, m.Binding)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTableOf(t *testing.T) {
	plain, full := member("plain"), member("full")
	full.Spec.ProviderName, full.Spec.DefaultProvider, full.DeletionTimestamp = "east", true, ptr.To(metav1.Now())
	got := tableOf([]*kubebindv1alpha2.APIServiceBinding{&plain, &full}).Members
	if got[0] != (routing.Member{Binding: "plain", Provider: "plain"}) || got[1] != (routing.Member{Binding: "full", Provider: "east", Default: true, Leaving: true}) {
		t.Errorf("got %+v", got)
	}
}

// One that joined syncs in a version that both sides serve, the CRD's storage version if it can be.
func TestAgreedVersions(t *testing.T) {
	joined := facts(func(f *Facts) {
		f.Resources[0].Table = routing.Of(routing.Member{Binding: "first"}, routing.Member{Binding: "cowboys"})
		f.Resources[0].Bound.Spec.Versions = []kubebindv1alpha2.BoundSchemaVersion{{Name: "v1alpha1", Served: true}, {Name: "v1"}}
	})
	sync := resourcesToSync(joined)
	if len(sync) != 1 || sync[0].GVR.Version != "v1alpha1" || len(sync[0].Served) != 1 {
		t.Errorf("synced is %+v", sync)
	}
	if served := joined.Resources[0].CRD.Spec.Versions[1].Served; !served {
		t.Error("the CRD was changed")
	}
	joined.Resources[0].Table = routing.Of(routing.Member{Binding: "cowboys"}, routing.Member{Binding: "second"})
	if sync := resourcesToSync(joined); sync[0].GVR.Version != "v1" || len(sync[0].Served) != 2 {
		t.Errorf("the first syncs %+v", sync)
	}
}

func TestUnjoinable(t *testing.T) {
	f := facts(func(f *Facts) {
		f.Resources[0].CRD, f.Resources[0].Step = nil, schema.Step{Verdict: schema.Unjoinable, Message: "spec.x differs"}
	})
	d := Decide(f)
	c := kubebindv1alpha2.FindCondition(d.Status.Conditions, kubebindv1alpha2.ConditionSchemaInSync)
	if c.Reason != kubebindv1alpha2.ReasonSchemaIncompatible || c.Severity != kubebindv1alpha2.SeverityError || c.Message != "spec.x differs" || len(d.Sync) > 0 {
		t.Errorf("it says %+v and syncs %+v", c, d.Sync)
	}
}

// From a CRD that others need, what goes is what the binding carries, and the provider's copies by its claims.
func TestHeld(t *testing.T) {
	object := func(carrier, place string) *metav1.ObjectMeta {
		return &metav1.ObjectMeta{Finalizers: []string{kubebindv1alpha2.SyncerFinalizer},
			Annotations: map[string]string{kubebindv1alpha2.CarriedByAnnotation: carrier, kubebindv1alpha2.PlaceUIDAnnotation: place}}
	}
	h := held{binding: "a", table: routing.Of(routing.Member{Binding: "a"}, routing.Member{Binding: "b"}), shared: true}
	if !h.carries(object("a", "")) || h.carries(object("b", "")) || h.carries(&metav1.ObjectMeta{}) || h.carries(object("b", "here")) {
		t.Error("it takes what is another's, or leaves its own")
	}
	h.place = "here"
	if !h.carries(object("b", "here")) || h.carries(object("b", "there")) {
		t.Error("copies of the provider's go by their place")
	}
	if alone := (held{binding: "a"}); !alone.carries(&metav1.ObjectMeta{}) {
		t.Error("what nobody else needs goes as a whole")
	}
}
