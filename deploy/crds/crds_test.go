// SPDX-License-Identifier: Apache-2.0

package crds_test

import (
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha1 "kube-bind.io/kube-bind/apis/kubebind/v1alpha1"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/crds"
)

func everything(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	provider, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := crds.Consumer()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(provider, consumer)
}

// TestSurface compares the CRDs with the table of the wire surface: kinds, versions, scopes, categories, short names.
func TestSurface(t *testing.T) {
	type row struct {
		scope    apiextensionsv1.ResourceScope
		versions string
		category string
		short    string
	}
	both, one := "v1alpha1 v1alpha2", "v1alpha2"
	want := map[string]row{
		"APIServiceExportTemplate": {"Cluster", one, "kube-bind", ""},
		"Collection":               {"Cluster", one, "kube-bind", ""},
		"Cluster":                  {"Cluster", one, "kube-bind", ""},
		"BindableResourcesRequest": {"Namespaced", one, "kube-bindings", ""},
		"ClusterBinding":           {"Namespaced", both, "kube-bindings", ""},
		"APIServiceExportRequest":  {"Namespaced", both, "kube-bindings", ""},
		"APIServiceExport":         {"Namespaced", both, "kube-bindings", ""},
		"BoundSchema":              {"Namespaced", one, "kube-bindings", "bs"},
		"APIServiceNamespace":      {"Namespaced", both, "kube-bindings", ""},
		"APIServiceBinding":        {"Cluster", both, "kube-bindings", "sb"},
		"APIServiceBindingBundle":  {"Cluster", one, "kube-bindings", "sbb"},
	}
	all := everything(t)
	if len(all) != len(want) {
		t.Errorf("there are %d CRDs, want %d", len(all), len(want))
	}
	for _, crd := range all {
		got := row{scope: crd.Spec.Scope}
		for i, v := range crd.Spec.Versions {
			if i > 0 {
				got.versions += " "
			}
			got.versions += v.Name
			if !v.Served || v.Storage != (v.Name == kubebindv1alpha2.Version) || v.Subresources == nil || v.Subresources.Status == nil {
				t.Errorf("%s %s: served %v, stored %v, subresources %v", crd.Name, v.Name, v.Served, v.Storage, v.Subresources)
			}
		}
		for _, c := range crd.Spec.Names.Categories {
			got.category += c
		}
		for _, s := range crd.Spec.Names.ShortNames {
			got.short += s
		}
		if got != want[crd.Spec.Names.Kind] {
			t.Errorf("%s is %+v, want %+v", crd.Spec.Names.Kind, got, want[crd.Spec.Names.Kind])
		}
	}
}

func TestConsumerGetsWhatItNeeds(t *testing.T) {
	consumer, err := crds.Consumer()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, crd := range consumer {
		kinds = append(kinds, crd.Spec.Names.Kind)
	}
	slices.Sort(kinds)
	if want := []string{"APIServiceBinding", "APIServiceBindingBundle"}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// TestEveryVersionHasItsType sees that CRDs and Go types know of each other.
func TestEveryVersionHasItsType(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := kubebindv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := kubebindv1alpha2.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, crd := range everything(t) {
		for _, v := range crd.Spec.Versions {
			for _, kind := range []string{crd.Spec.Names.Kind, crd.Spec.Names.ListKind} {
				gvk := schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: kind}
				if !scheme.Recognizes(gvk) {
					t.Errorf("no Go type is registered for %s", gvk)
				}
			}
		}
	}
}

// TestEveryFieldIsDocumented walks all schemas.
func TestEveryFieldIsDocumented(t *testing.T) {
	for _, crd := range everything(t) {
		for _, v := range crd.Spec.Versions {
			if v.Schema.OpenAPIV3Schema.Description == "" {
				t.Errorf("%s %s has no description", crd.Name, v.Name)
			}
			for name, property := range v.Schema.OpenAPIV3Schema.Properties {
				if name != "metadata" {
					requireDescription(t, crd.Name+" "+v.Name+" "+name, property)
				}
			}
		}
	}
}

func requireDescription(t *testing.T, path string, schema apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if schema.Description == "" {
		t.Errorf("%s has no description", path)
	}
	for name, property := range schema.Properties {
		requireDescription(t, path+"."+name, property)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		for name, property := range schema.Items.Schema.Properties {
			requireDescription(t, path+"[]."+name, property)
		}
	}
}
