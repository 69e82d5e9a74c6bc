// SPDX-License-Identifier: Apache-2.0

package integrations

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	pages = "../../docs/integrations"
	// crds are real ones; where they are from is written there.
	crds = "../e2e/testdata/crds"
)

// manifest is one of a page.
type manifest struct {
	*unstructured.Unstructured
	raw []byte
}

// manifests are those of a page, by their kinds. Each kind is there once.
func manifests(t *testing.T, page string) map[string]manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pages, page))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]manifest{}
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(text, -1) {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(block[1], &object.Object); err != nil {
			t.Fatalf("%s: %v\n%s", page, err, block[1])
		}
		if _, twice := out[object.GetKind()]; twice {
			t.Fatalf("%s has two manifests of a %s", page, object.GetKind())
		}
		out[object.GetKind()] = manifest{object, block[1]}
	}
	return out
}

// Every page has its test, and every test its page.
func TestPages(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, s := range services() {
		tested[s.page] = true
	}
	for _, file := range files {
		if !tested[filepath.Base(file)] {
			t.Errorf("nothing tries what is on %s", file)
		}
	}
	if len(files) != len(tested) {
		t.Errorf("there are %d pages, and tests for %d", len(files), len(tested))
	}
}

// realCRD reads one of the CRDs.
func realCRD(t *testing.T, name string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(crds, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// labelled is what kubectl label makes of a CRD on the pages.
func labelled(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	crd.Labels = map[string]string{kubebindv1alpha2.ExportedLabel: kubebindv1alpha2.Exported}
	return crd
}

// definition is as much of Crossplane's CompositeResourceDefinition as the CRD depends on.
type definition struct {
	Spec struct {
		Scope    apiextensionsv1.ResourceScope
		Group    string
		Names    apiextensionsv1.CustomResourceDefinitionNames
		Metadata struct{ Labels map[string]string }
		Versions []struct {
			Name          string
			Served        bool
			Referenceable bool
			Schema        apiextensionsv1.CustomResourceValidation
		}
	}
}

// composite plays how Crossplane makes a CRD from a definition: with labels, settings of its own in the spec, and conditions.
func composite(t *testing.T, from manifest) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	d := definition{}
	if err := yaml.Unmarshal(from.raw, &d); err != nil {
		t.Fatal(err)
	}
	names := d.Spec.Names
	names.Singular, names.ListKind = strings.ToLower(names.Kind), names.Kind+"List"
	out := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: names.Plural + "." + d.Spec.Group, Labels: d.Spec.Metadata.Labels}}
	if out.Name != from.GetName() {
		t.Errorf("the definition is called %s, and not %s", from.GetName(), out.Name)
	}
	out.Spec = apiextensionsv1.CustomResourceDefinitionSpec{Group: d.Spec.Group, Names: names, Scope: d.Spec.Scope}
	anything := apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: ptr.To(true)}
	for _, v := range d.Spec.Versions {
		schema := v.Schema.OpenAPIV3Schema
		schema.Properties["spec"].Properties["crossplane"] = anything
		schema.Properties["status"].Properties["conditions"] = apiextensionsv1.JSONSchemaProps{
			Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &anything},
		}
		out.Spec.Versions = append(out.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: v.Name, Served: v.Served, Storage: v.Referenceable,
			Schema:       &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: schema},
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
		})
	}
	return out
}
