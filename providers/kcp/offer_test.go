// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"slices"
	"strings"
	"testing"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func bindingNamed(name, export string) *apisv1alpha2.APIBinding {
	out := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid"}}
	out.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Name: export}
	out.Status.Phase = apisv1alpha2.APIBindingPhaseBound
	return out
}

// schemaNamed has a version that is served and one that is not.
func schemaNamed(plural string, scope apiextensionsv1.ResourceScope) *apiextensionsv1.CustomResourceDefinition {
	out := &apiextensionsv1.CustomResourceDefinition{}
	out.Spec.Group, out.Spec.Names.Plural, out.Spec.Scope = "example.org", plural, scope
	out.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1alpha1"}, {Name: "v1", Served: true}}
	return out
}

// made is a template as the controller makes it for the binding b.
func made(ending string, scope kubebindv1alpha2.InformerScope, plurals ...string) kubebindv1alpha2.APIServiceExportTemplate {
	out := kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{
		Name: "b" + ending, Annotations: map[string]string{OwnerBindingAnnotation: "b"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apis.kcp.io/v1alpha2", Kind: "APIBinding", Name: "b", UID: "uid"}},
	}}
	out.Spec.Scope = scope
	for _, p := range plurals {
		out.Spec.Resources = append(out.Spec.Resources, kubebindv1alpha2.ExportedResource{
			GroupResource: kubebindv1alpha2.GroupResource{Group: "example.org", Resource: p}, Versions: []string{"v1"},
		})
	}
	return out
}

func changed(t kubebindv1alpha2.APIServiceExportTemplate, change func(*kubebindv1alpha2.APIServiceExportTemplate)) kubebindv1alpha2.APIServiceExportTemplate {
	out := t.DeepCopy()
	change(out)
	return *out
}

func TestPlanOffers(t *testing.T) {
	type templates = []kubebindv1alpha2.APIServiceExportTemplate
	b := bindingNamed("b", "things")
	things, nodes := schemaNamed("things", apiextensionsv1.NamespaceScoped), schemaNamed("nodes", apiextensionsv1.ClusterScoped)
	others := schemaNamed("others", apiextensionsv1.NamespaceScoped)
	unserved := schemaNamed("unserved", apiextensionsv1.NamespaceScoped)
	unserved.Spec.Versions = unserved.Spec.Versions[:1]
	namespaced, cluster := made(namespacedEnding, kubebindv1alpha2.NamespacedScope, "things"), made(clusterEnding, kubebindv1alpha2.ClusterScope, "nodes")
	both := []*apiextensionsv1.CustomResourceDefinition{things, nodes}
	binding := bindingNamed("b", "things")
	binding.Status.Phase = apisv1alpha2.APIBindingPhaseBinding
	long := bindingNamed(strings.Repeat("b", 250), "things")
	for name, tc := range map[string]struct {
		facts                  offerFacts
		create, update, remove []string
		refused                string
	}{
		"new": {facts: offerFacts{binding: b, schemas: both}, create: []string{"b-cluster", "b-namespaced"}},
		"one scope, sorted": {
			facts:  offerFacts{binding: b, schemas: []*apiextensionsv1.CustomResourceDefinition{things, others}},
			create: []string{"b-namespaced"},
		},
		"nothing bound yet": {facts: offerFacts{binding: b}},
		"not bound yet":     {facts: offerFacts{binding: binding, schemas: both, templates: templates{namespaced}}},
		"nothing served":    {facts: offerFacts{binding: b, schemas: []*apiextensionsv1.CustomResourceDefinition{unserved}}},
		"as it should be":   {facts: offerFacts{binding: b, schemas: both, templates: templates{namespaced, cluster}}},
		"what the provider has added stays": {facts: offerFacts{binding: b, schemas: both, templates: templates{cluster, changed(namespaced, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
			t.Spec.Description, t.Spec.PermissionClaims = "for you", []kubebindv1alpha2.PermissionClaim{{}}
			t.Labels = map[string]string{"a": "b"}
		})}}},
		"resources differ": {
			facts: offerFacts{binding: b, schemas: both, templates: templates{cluster, changed(namespaced, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
				t.Spec.Resources[0].Versions = []string{"v1alpha1"}
			})}},
			update: []string{"b-namespaced"},
		},
		"scope differs": {
			facts: offerFacts{binding: b, schemas: both, templates: templates{cluster, changed(namespaced, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
				t.Spec.Scope = kubebindv1alpha2.ClusterScope
			})}},
			update: []string{"b-namespaced"},
		},
		"binding made anew": {
			facts: offerFacts{binding: b, schemas: both, templates: templates{cluster, changed(namespaced, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
				t.OwnerReferences[0].UID = "older"
			})}},
			update: []string{"b-namespaced"},
		},
		"a scope has gone": {facts: offerFacts{binding: b, schemas: both[:1], templates: templates{namespaced, cluster}}, remove: []string{"b-cluster"}},
		"binding gone":     {facts: offerFacts{templates: templates{namespaced, cluster}}, remove: []string{"b-namespaced", "b-cluster"}},
		"going already": {facts: offerFacts{templates: templates{changed(namespaced, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
			now := metav1.Now()
			t.DeletionTimestamp = &now
		})}}},
		"in the way": {
			facts:  offerFacts{binding: b, schemas: both, templates: templates{{ObjectMeta: metav1.ObjectMeta{Name: "b-cluster"}}}},
			create: []string{"b-namespaced"}, refused: "The APIServiceExportTemplate b-cluster is there",
		},
		"in the way, with the annotation only": {
			facts: offerFacts{binding: b, schemas: both[1:], templates: templates{changed(cluster, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
				t.OwnerReferences = nil
			})}},
			refused: "b-cluster is there",
		},
		"another binding's": {
			facts: offerFacts{templates: templates{changed(cluster, func(t *kubebindv1alpha2.APIServiceExportTemplate) {
				t.Annotations[OwnerBindingAnnotation], t.OwnerReferences[0].Name = "c", "c"
			})}},
		},
		"no name for it": {facts: offerFacts{name: long.Name, binding: long, schemas: both[:1]}, refused: "There can be no APIServiceExportTemplate"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.facts.name == "" {
				tc.facts.name = "b"
			}
			plan := planOffers(tc.facts)
			for what, pair := range map[string][2][]string{
				"creates": {names(plan.create), tc.create}, "updates": {names(plan.update), tc.update}, "removes": {names(plan.remove), tc.remove},
			} {
				if !slices.Equal(pair[0], pair[1]) {
					t.Errorf("it %s %v, not %v", what, pair[0], pair[1])
				}
			}
			if got := strings.Join(plan.refused, " "); (got == "") != (tc.refused == "") || !strings.Contains(got, tc.refused) {
				t.Errorf("it refuses %q", got)
			}
			settled(t, tc.facts, plan)
		})
	}
	plan := planOffers(offerFacts{name: "b", binding: b, schemas: []*apiextensionsv1.CustomResourceDefinition{things, others}})
	want := made(namespacedEnding, kubebindv1alpha2.NamespacedScope, "others", "things")
	if got := plan.create[0]; len(got.Spec.Resources) != 2 || got.Spec.Resources[0].Resource != want.Spec.Resources[0].Resource || !slices.Equal(got.Spec.Resources[1].Versions, []string{"v1"}) {
		t.Errorf("the template is %+v", got.Spec)
	}
}

// settled carries a plan out and looks that there is nothing more to do.
func settled(t *testing.T, facts offerFacts, plan offerPlan) {
	t.Helper()
	var after []kubebindv1alpha2.APIServiceExportTemplate
	for _, have := range facts.templates {
		if slices.Contains(names(plan.update), have.Name) || slices.Contains(names(plan.remove), have.Name) {
			continue
		}
		after = append(after, have)
	}
	for _, now := range slices.Concat(plan.create, plan.update) {
		after = append(after, *now)
	}
	facts.templates = after
	if again := planOffers(facts); len(again.create)+len(again.update)+len(again.remove) > 0 {
		t.Errorf("then it creates %v, updates %v, removes %v", names(again.create), names(again.update), names(again.remove))
	}
}

func names(templates []*kubebindv1alpha2.APIServiceExportTemplate) []string {
	var out []string
	for _, t := range templates {
		out = append(out, t.Name)
	}
	return out
}

func TestOffered(t *testing.T) {
	going := bindingNamed("things", "things")
	now := metav1.Now()
	going.DeletionTimestamp = &now
	none := bindingNamed("things", "things")
	none.Spec.Reference.Export = nil
	ignore := []string{"private-", ""}
	for name, tc := range map[string]struct {
		binding *apisv1alpha2.APIBinding
		want    bool
	}{
		"somebody's":         {bindingNamed("things", "things"), true},
		"kube-bind's":        {bindingNamed("things", "kube-bind.io"), false},
		"kcp's":              {bindingNamed("things", "tenancy.kcp.io"), false},
		"kcp's topology":     {bindingNamed("things", "topology.kcp.io"), false},
		"ignored":            {bindingNamed("private-things", "things"), false},
		"ignored in between": {bindingNamed("not-private-things", "things"), true},
		"going":              {going, false},
		"of nothing":         {none, false},
	} {
		if got := offered(tc.binding, ignore); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
