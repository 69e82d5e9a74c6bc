// SPDX-License-Identifier: Apache-2.0

package crds_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kube-bind.io/kube-bind/deploy/crds"
)

const (
	seeds    = "../../test/e2e/testdata/seeds"
	examples = "../examples"
)

// manifests reads all YAML documents of a folder, by file name.
func manifests(t *testing.T, pattern string) map[string][]*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]*unstructured.Unstructured{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			object := &unstructured.Unstructured{}
			if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			out[filepath.Base(file)] = append(out[filepath.Base(file)], object)
		}
	}
	return out
}

// testSeeds applies the examples, and then every manifest of the seed documents, and sees that the API server keeps all
// that is written in them, and warns of nothing.
func testSeeds(t *testing.T, c client.WithWatch) {
	installExamples(t, c)
	files := manifests(t, filepath.Join(seeds, "*.yaml"))
	if len(files) != 8 {
		t.Errorf("%d files, want 8", len(files))
	}
	for name, objects := range files {
		for _, object := range objects {
			t.Run(name+"/"+object.GetName(), func(t *testing.T) { applyWhole(t, c, object) })
		}
	}
}

// testPages applies every manifest of the pages about concepts: the API server keeps all that is written in them.
func testPages(t *testing.T, c client.WithWatch) {
	pages, err := filepath.Glob("../../docs/concepts/*.md")
	if err != nil || len(pages) < 4 {
		t.Fatalf("pages are %v: %v", pages, err)
	}
	// These are about what people see and do, and have none.
	without := []string{"credentials.md", "overview.md", "web-page.md"}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(text), "```yaml\n")[1:]
		if (len(blocks) == 0) != slices.Contains(without, filepath.Base(page)) {
			t.Errorf("%s has %d manifests", page, len(blocks))
		}
		for _, block := range blocks {
			manifests, _, _ := strings.Cut(block, "```")
			for _, manifest := range strings.Split(manifests, "---\n") {
				object := &unstructured.Unstructured{}
				if err := yaml.UnmarshalStrict([]byte(manifest), &object.Object); err != nil {
					t.Fatalf("%s: %v\n%s", page, err, manifest)
				}
				if object.GetKind() == "Secret" {
					ensureNamespace(t, c, object.GetNamespace())
					continue // what is in it is for the reader to fill in
				}
				t.Run(filepath.Base(page)+"/"+object.GetName(), func(t *testing.T) {
					applyWhole(t, c, object)
					if err := c.Delete(t.Context(), object); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

func installExamples(t *testing.T, c client.WithWatch) {
	t.Helper()
	for file, objects := range manifests(t, filepath.Join(examples, "*.yaml")) {
		if !strings.HasPrefix(file, "crd-") {
			for _, object := range objects {
				applyWhole(t, c, object)
			}
			continue
		}
		raw, err := os.ReadFile(filepath.Join(examples, file))
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(raw, crd); err != nil {
			t.Fatal(err)
		}
		if err := crds.Install(t.Context(), c, []*apiextensionsv1.CustomResourceDefinition{crd}); err != nil {
			t.Fatal(err)
		}
	}
}

// applyWhole creates an object with its status, and compares what comes back. The answers of the writes are compared,
// not later reads: the garbage collector may take objects whose owner, in the document, is elsewhere.
func applyWhole(t *testing.T, c client.WithWatch, want *unstructured.Unstructured) {
	t.Helper()
	ensureNamespace(t, c, want.GetNamespace())
	got := want.DeepCopy()
	if err := c.Create(t.Context(), got, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
		t.Fatal(err)
	}
	if status, ok := want.Object["status"]; ok {
		got.Object["status"] = status
		if err := c.Status().Update(t.Context(), got, &client.SubResourceUpdateOptions{
			UpdateOptions: client.UpdateOptions{FieldValidation: metav1.FieldValidationStrict},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if lost := missing("", want.Object, got.Object); len(lost) > 0 {
		t.Errorf("the API server lost %s", strings.Join(lost, ", "))
	}
}

func ensureNamespace(t *testing.T, c client.WithWatch, name string) {
	t.Helper()
	if name == "" {
		return
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := client.IgnoreAlreadyExists(c.Create(t.Context(), ns)); err != nil {
		t.Fatal(err)
	}
}

// missing lists the paths of want that got does not have. A null may have become an empty object.
func missing(path string, want, got any) []string {
	switch want := want.(type) {
	case nil:
		return nil
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return []string{path}
		}
		var lost []string
		for key, value := range want {
			lost = append(lost, missing(path+"."+key, value, have[key])...)
		}
		return lost
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return []string{path}
		}
		var lost []string
		for i, value := range want {
			lost = append(lost, missing(path+"[]", value, have[i])...)
		}
		return lost
	default:
		if got != want {
			return []string{path}
		}
		return nil
	}
}

// testRules tries what the schemas forbid.
func testRules(t *testing.T, c client.WithWatch) {
	for _, tc := range []struct {
		name     string
		manifest string
		change   string
		message  string
	}{
		{name: "a ClusterBinding with another name", manifest: `{kind: ClusterBinding, metadata: {name: other, namespace: default}, spec: {providerPrettyName: p, kubeconfigSecretRef: {name: secret, key: key}}}`, message: "cluster binding name should be cluster"},
		{name: "a template without resources", manifest: `{kind: APIServiceExportTemplate, metadata: {name: t1}, spec: {scope: Cluster, resources: []}}`, message: "should have at least 1 items"},
		{name: "a template with the scope of the document's comment", manifest: `{kind: APIServiceExportTemplate, metadata: {name: t2}, spec: {scope: Namespace, resources: [{resource: widgets}]}}`, message: "supported values"},
		{name: "a resource in capitals", manifest: `{kind: APIServiceExportTemplate, metadata: {name: t3}, spec: {scope: Cluster, resources: [{resource: Widgets}]}}`, message: "spec.resources[0].resource"},
		{name: "an unknown isolation", manifest: `{kind: APIServiceExport, metadata: {name: e1, namespace: default}, spec: {resources: [{resource: widgets}], informerScope: Cluster, isolation: Some}}`, message: "supported values"},
		{name: "another kubeconfig", manifest: `{kind: APIServiceBinding, metadata: {name: b1}, spec: {kubeconfigSecretRef: {name: secret, key: key, namespace: kube-bind}}}`, change: `{spec: {kubeconfigSecretRef: {name: other}}}`, message: "kubeconfigSecretRef is immutable"},
		{name: "a bundle with another kubeconfig", manifest: `{kind: APIServiceBindingBundle, metadata: {name: b2}, spec: {kubeconfigSecretRef: {name: secret, key: key, namespace: kube-bind}}}`, change: `{spec: {kubeconfigSecretRef: {name: other}}}`, message: "kubeconfigSecretRef is immutable"},
		{name: "a request for more", manifest: `{kind: APIServiceExportRequest, metadata: {name: r1, namespace: default}, spec: {resources: [{resource: widgets}]}}`, change: `{spec: {resources: [{resource: gadgets}]}}`, message: "resources are immutable"},
		{name: "a request with other parameters", manifest: `{kind: APIServiceExportRequest, metadata: {name: r2, namespace: default}, spec: {resources: [{resource: widgets}], parameters: {size: 1}}}`, change: `{spec: {parameters: {size: 2}}}`, message: "parameters are immutable"},
		{name: "an export with another isolation", manifest: `{kind: APIServiceExport, metadata: {name: e2, namespace: default}, spec: {resources: [{resource: widgets}], informerScope: Cluster, isolation: None}}`, change: `{spec: {isolation: Prefixed}}`, message: "isolation is immutable"},
		{name: "a webhook that is not there", manifest: `{kind: BoundSchema, metadata: {name: s1, namespace: default}, spec: {group: g.io, informerScope: Cluster, scope: Cluster, names: {plural: xs, kind: X}, versions: [{name: v1, storage: true, schema: {type: object}}], conversion: {strategy: Webhook}}}`, message: "Webhook must be specified"},
		{name: "a version that is not one", manifest: `{kind: BoundSchema, metadata: {name: s2, namespace: default}, spec: {group: g.io, informerScope: Cluster, scope: Cluster, names: {plural: xs, kind: X}, versions: [{name: latest, storage: true, schema: {type: object}}]}}`, message: "spec.versions[0].name"},
		{name: "an older ClusterBinding with another key", manifest: `{apiVersion: kube-bind.io/v1alpha1, kind: ClusterBinding, metadata: {name: cluster, namespace: default}, spec: {providerPrettyName: p, kubeconfigSecretRef: {name: secret, key: key}}}`, message: "supported values"},
		{name: "an older export with another name", manifest: `{apiVersion: kube-bind.io/v1alpha1, kind: APIServiceExport, metadata: {name: other, namespace: default}, spec: {group: g.io, informerScope: Cluster, scope: Namespaced, names: {plural: xs, kind: X}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {}}}]}}`, message: "must be <plural>.<group>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(tc.manifest), &object.Object); err != nil {
				t.Fatal(err)
			}
			if object.GetAPIVersion() == "" {
				object.SetAPIVersion("kube-bind.io/v1alpha2")
			}
			err := c.Create(t.Context(), object)
			if tc.change != "" {
				if err != nil {
					t.Fatal(err)
				}
				patch, convertErr := yaml.YAMLToJSON([]byte(tc.change))
				if convertErr != nil {
					t.Fatal(convertErr)
				}
				err = c.Patch(t.Context(), object, client.RawPatch("application/merge-patch+json", patch))
			}
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("got %v, want Invalid: …%s…", err, tc.message)
			}
		})
	}
	t.Run("what the API server fills in", func(t *testing.T) { testDefaults(t, c) })
}

func testDefaults(t *testing.T, c client.WithWatch) {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(`{apiVersion: kube-bind.io/v1alpha2, kind: APIServiceExportRequest, metadata: {name: defaults, namespace: default}, spec: {resources: [{resource: widgets}], permissionClaims: [{resource: secrets}]}}`), &object.Object); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"status.phase": "Pending", "spec.schemaUpdatePolicy": "Never"} {
		got, _, err := unstructured.NestedString(object.Object, strings.Split(path, ".")...)
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", path, got, err, want)
		}
	}
	claims, _, err := unstructured.NestedSlice(object.Object, "spec", "permissionClaims")
	if err != nil || len(claims) != 1 {
		t.Fatalf("claims are %v (%v)", claims, err)
	}
	claim, ok := claims[0].(map[string]any)
	if !ok || claim["group"] != "" || claim["selector"] == nil {
		t.Errorf("the claim is %v", claim)
	}
}
