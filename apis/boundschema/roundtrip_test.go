// SPDX-License-Identifier: Apache-2.0

package boundschema_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kube-bind.io/kube-bind/apis/boundschema"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const realCRDs = "../../test/e2e/testdata/crds"

func loadReal(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(realCRDs, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 6 {
		t.Fatalf("there are %d CRDs in %s, want 6", len(files), realCRDs)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(raw, crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		crds = append(crds, crd)
	}
	return crds
}

// travel does to a BoundSchema what an API server does: it is decoded without types and encoded again.
func travel(t *testing.T, bound *kubebindv1alpha2.BoundSchema) *kubebindv1alpha2.BoundSchema {
	t.Helper()
	raw, err := json.Marshal(bound)
	if err != nil {
		t.Fatal(err)
	}
	stored := &unstructured.Unstructured{}
	if err := stored.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	if raw, err = stored.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	out := &kubebindv1alpha2.BoundSchema{}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRealCRDsComeBackWhole(t *testing.T) {
	for _, crd := range loadReal(t) {
		t.Run(crd.Name, func(t *testing.T) {
			bound, err := boundschema.FromCRD(crd, boundschema.Options{
				InformerScope: kubebindv1alpha2.ClusterScope, Isolation: kubebindv1alpha2.IsolationPrefixed,
			})
			if err != nil {
				t.Fatal(err)
			}
			if bound.Name != crd.Name {
				t.Errorf("the BoundSchema is named %q", bound.Name)
			}
			got, err := boundschema.ToCRD(travel(t, bound))
			if err != nil {
				t.Fatal(err)
			}
			if same, err := boundschema.SameSpec(crd, got); err != nil || !same {
				t.Errorf("the CRD is another one now (%v):\n%s", err, cmp.Diff(crd.Spec, got.Spec))
			}
			approval := crd.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]
			if got.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation] != approval {
				t.Errorf("annotations are %v, want the approval %q", got.Annotations, approval)
			}
			compareRules(t, crd, bound, got)
		})
	}
}

// compareRules sees that every CEL rule of a CRD is the same, character by character, on its way and at its end.
func compareRules(
	t *testing.T, source *apiextensionsv1.CustomResourceDefinition, bound *kubebindv1alpha2.BoundSchema,
	got *apiextensionsv1.CustomResourceDefinition,
) {
	t.Helper()
	for i, v := range source.Spec.Versions {
		want := rules(v.Schema.OpenAPIV3Schema)
		if diff := cmp.Diff(want, rules(got.Spec.Versions[i].Schema.OpenAPIV3Schema)); diff != "" {
			t.Errorf("rules of %s differ: %s", v.Name, diff)
		}
		for _, rule := range want {
			quoted := &bytes.Buffer{}
			encoder := json.NewEncoder(quoted)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(rule); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(bound.Spec.Versions[i].Schema.Raw, bytes.TrimSpace(quoted.Bytes())) {
				t.Errorf("rule %s of %s is not written so in the BoundSchema", rule, v.Name)
			}
		}
	}
}

func rules(s *apiextensionsv1.JSONSchemaProps) []string {
	var out []string
	for _, r := range s.XValidations {
		out = append(out, r.Rule)
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	for _, name := range sorted(names) {
		property := s.Properties[name]
		out = append(out, rules(&property)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		out = append(out, rules(s.Items.Schema)...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		out = append(out, rules(s.AdditionalProperties.Schema)...)
	}
	return out
}

func TestRealCRDsHaveTheFeaturesTheyAreThereFor(t *testing.T) {
	var multiVersion, clusterScoped, selectable, cel, largest int
	for _, crd := range loadReal(t) {
		if len(crd.Spec.Versions) > 1 {
			multiVersion++
		}
		if crd.Spec.Scope == apiextensionsv1.ClusterScoped {
			clusterScoped++
		}
		for _, v := range crd.Spec.Versions {
			selectable += len(v.SelectableFields)
			cel += len(rules(v.Schema.OpenAPIV3Schema))
			raw, err := json.Marshal(v.Schema)
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, len(raw))
		}
	}
	if multiVersion == 0 || clusterScoped == 0 || selectable == 0 || cel == 0 || largest < 100_000 {
		t.Errorf("several versions %d, cluster-scoped %d, selectable fields %d, rules %d, largest schema %d bytes",
			multiVersion, clusterScoped, selectable, cel, largest)
	}
}

func TestHashSurvivesTheJourney(t *testing.T) {
	for _, crd := range loadReal(t) {
		bound, err := boundschema.FromCRD(crd, boundschema.Options{InformerScope: kubebindv1alpha2.ClusterScope})
		if err != nil {
			t.Fatal(err)
		}
		hash, err := boundschema.Hash(travel(t, bound))
		if err != nil {
			t.Fatal(err)
		}
		if hash != bound.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] || len(hash) != 64 {
			t.Errorf("%s: hash is %q, was %q", crd.Name, hash, bound.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation])
		}
	}
}
