// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"kube-bind.io/kube-bind/apis/boundschema"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func source() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "cowboys.wildwest.dev"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "wildwest.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "cowboys", Singular: "cowboy", Kind: "Cowboy", ListKind: "CowboyList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1alpha1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
			}},
		},
	}
}

func bound(t *testing.T) *kubebindv1alpha2.BoundSchema {
	t.Helper()
	b, err := boundschema.FromCRD(source(), boundschema.Options{InformerScope: kubebindv1alpha2.NamespacedScope, Isolation: kubebindv1alpha2.IsolationPrefixed})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func owners(crd *apiextensionsv1.CustomResourceDefinition, bindings ...*kubebindv1alpha2.APIServiceBinding) []*kubebindv1alpha2.APIServiceBinding {
	var all []kubebindv1alpha2.APIServiceBinding
	for _, b := range bindings {
		all = append(all, *b)
	}
	return Owners(crd, all)
}

func TestPlan(t *testing.T) {
	us := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cowboys", UID: "us"}}
	theirs := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cowboys", UID: "them"}}
	created := func(by *kubebindv1alpha2.APIServiceBinding, changes ...func(*apiextensionsv1.CustomResourceDefinition)) *apiextensionsv1.CustomResourceDefinition {
		crd := Plan(bound(t), nil, by, nil).CRD
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter} // the API server's default
		for _, change := range changes {
			change(crd)
		}
		return crd
	}
	now := metav1.Now()
	for name, tc := range map[string]struct {
		have *apiextensionsv1.CustomResourceDefinition
		want Verdict
	}{
		"missing":         {nil, Create},
		"as it should be": {created(us), InSync},
		"W40 edited": {created(us, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Versions[0].Schema.OpenAPIV3Schema.Type = "string"
		}), Update},
		"W40 a field added": {created(us, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties = map[string]apiextensionsv1.JSONSchemaProps{"x": {Type: "string"}}
		}), Update},
		"W40 a limit added": {created(us, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Versions[0].Schema.OpenAPIV3Schema.Required = []string{"x"}
		}), Update},
		"W40 a webhook added": {created(us, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Spec.Conversion.Strategy = apiextensionsv1.WebhookConverter
		}), Update},
		"of an older schema": {created(us, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = "old"
		}), Update},
		"of a schema that had more": {created(us, func(c *apiextensionsv1.CustomResourceDefinition) {
			c.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = "old"
			c.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties = map[string]apiextensionsv1.JSONSchemaProps{"x": {Type: "string"}}
		}), Breaking},
		"somebody's":                     {source(), Foreign},
		"another binding's of this name": {created(theirs), Foreign},
		"going":                          {created(us, func(c *apiextensionsv1.CustomResourceDefinition) { c.DeletionTimestamp = &now }), Terminating},
		"somebody's, and going":          {created(theirs, func(c *apiextensionsv1.CustomResourceDefinition) { c.DeletionTimestamp = &now }), Foreign},
	} {
		t.Run(name, func(t *testing.T) {
			step := Plan(bound(t), tc.have, us, owners(tc.have, us))
			if step.Verdict != tc.want {
				t.Fatalf("got %v (%s), want %v", step.Verdict, step.Message, tc.want)
			}
			if (step.Verdict == Foreign) != (step.CRD == nil) {
				t.Errorf("the CRD to go on with is %v", step.CRD)
			}
		})
	}
}

// However much a change breaks, the message names the first few places and stays readable.
func TestBreakingMessage(t *testing.T) {
	us := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cowboys", UID: "us"}}
	have := Plan(bound(t), nil, us, nil).CRD
	have.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = "old"
	properties := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		properties[name] = apiextensionsv1.JSONSchemaProps{Type: "string"}
	}
	have.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties = properties
	step := Plan(bound(t), have, us, owners(have, us))
	for _, part := range []string{"spec.versions[v1alpha1].schema.openAPIV3Schema.properties[a]: is removed", "properties[e]: is removed", "and 2 more"} {
		if !strings.Contains(step.Message, part) {
			t.Errorf("it says %q, not %q", step.Message, part)
		}
	}
	if step.CRD != have || len(step.Changed) > 0 {
		t.Errorf("the CRD is changed: %+v", step)
	}
}

func TestPlanUpdateKeepsMetadata(t *testing.T) {
	us := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "cowboys", UID: "us"}}
	have := Plan(bound(t), nil, us, nil).CRD
	have.ResourceVersion, have.Labels = "7", map[string]string{"user": "label"}
	have.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = "old"
	step := Plan(bound(t), have, us, owners(have, us))
	if step.Verdict != Update || step.CRD.ResourceVersion != "7" || step.CRD.Labels["user"] != "label" || len(step.CRD.OwnerReferences) != 1 {
		t.Errorf("got %+v", step)
	}
	if have.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] != "old" {
		t.Error("the input was changed")
	}
}

// Two bindings of the same CRD: the first has its schema, the second joins if that does for its provider.
func TestPlanSeveralBindings(t *testing.T) {
	binding := func(name string) *kubebindv1alpha2.APIServiceBinding {
		b := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid of " + name)}}
		b.Spec.KubeconfigSecretRef.Name = name
		return b
	}
	first, second, gone := binding("first"), binding("second"), binding("gone")
	sameProvider := binding("second")
	sameProvider.Spec.KubeconfigSecretRef.Name = "first"
	crd := func(owners ...*kubebindv1alpha2.APIServiceBinding) *apiextensionsv1.CustomResourceDefinition {
		out := Plan(bound(t), nil, owners[0], nil).CRD
		for _, o := range owners[1:] {
			out.OwnerReferences = append(out.OwnerReferences, reference(o, false))
		}
		return out
	}
	more := func(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties = map[string]apiextensionsv1.JSONSchemaProps{"x": {Type: "string"}}
		crd.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = "another"
		return crd
	}
	unserved := crd(first)
	unserved.Spec.Versions[0].Served = false
	now := metav1.Now()
	going := crd(first)
	going.DeletionTimestamp = &now
	left := crd(first, second)
	left.OwnerReferences = left.OwnerReferences[1:]
	for name, tc := range map[string]struct {
		have   *apiextensionsv1.CustomResourceDefinition
		us     *kubebindv1alpha2.APIServiceBinding
		want   Verdict
		owners string
	}{
		"first":                                 {crd(first, second), first, InSync, "first* second"},
		"second, not yet":                       {crd(first), second, Join, "first* second"},
		"second":                                {crd(first, second), second, InSync, "first* second"},
		"second, the CRD allows more":           {more(crd(first)), second, Unjoinable, ""},
		"second, the CRD allows more since":     {more(crd(first, second)), second, Breaking, "first* second"},
		"second, no version in common":          {unserved, second, Unjoinable, ""},
		"second, from the same provider":        {crd(first), sameProvider, Foreign, ""},
		"second, the CRD is going":              {going, second, Terminating, ""},
		"second, the first has left":            {left, second, Update, "second*"},
		"second, the first is gone":             {crd(gone, second), second, Update, "second* gone"},
		"another one, of a binding that's gone": {crd(gone), second, Foreign, ""},
	} {
		t.Run(name, func(t *testing.T) {
			step := Plan(bound(t), tc.have, tc.us, owners(tc.have, first, second))
			var got []string
			if step.CRD != nil {
				for _, ref := range step.CRD.OwnerReferences {
					got = append(got, ref.Name)
					if ptr.Deref(ref.Controller, false) {
						got[len(got)-1] += "*"
					}
				}
			}
			if step.Verdict != tc.want || strings.Join(got, " ") != tc.owners {
				t.Errorf("got %v (%s) with owners %v", step.Verdict, step.Message, got)
			}
		})
	}
	if got := Left(crd(first, second), first).OwnerReferences; len(got) != 1 || got[0].Name != "second" {
		t.Errorf("left to %v", got)
	}
}

func TestPlanInvalid(t *testing.T) {
	b := bound(t)
	b.Spec.Versions[0].Schema.Raw = []byte("{")
	if step := Plan(b, nil, &kubebindv1alpha2.APIServiceBinding{}, nil); step.Verdict != Invalid || step.Message == "" {
		t.Errorf("got %+v", step)
	}
}

func TestSyncedVersion(t *testing.T) {
	v := func(name string, served, storage bool) apiextensionsv1.CustomResourceDefinitionVersion {
		return apiextensionsv1.CustomResourceDefinitionVersion{Name: name, Served: served, Storage: storage}
	}
	for name, tc := range map[string]struct {
		versions []apiextensionsv1.CustomResourceDefinitionVersion
		want     string
	}{
		"storage, listed last":        {[]apiextensionsv1.CustomResourceDefinitionVersion{v("v1alpha1", true, false), v("v1", true, true)}, "v1"},
		"first served, if not stored": {[]apiextensionsv1.CustomResourceDefinitionVersion{v("v1", false, true), v("v2", true, false), v("v3", true, false)}, "v2"},
		"none":                        {[]apiextensionsv1.CustomResourceDefinitionVersion{v("v1", false, true)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := SyncedVersion(&apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Versions: tc.versions}})
			if got.Name != tc.want || ok != (tc.want != "") {
				t.Errorf("got %q", got.Name)
			}
		})
	}
}
