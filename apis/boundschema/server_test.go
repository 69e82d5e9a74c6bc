// SPDX-License-Identifier: Apache-2.0

package boundschema_test

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/apis/boundschema"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/deploy/crds"
)

// TestRealCRDsOnARealAPIServer lets an API server keep the BoundSchemas, and serve the CRDs made of what it kept.
func TestRealCRDsOnARealAPIServer(t *testing.T) {
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Name: "boundschema"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{apiextensionsv1.AddToScheme, kubebindv1alpha2.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	if err := crds.Install(t.Context(), c, ours); err != nil {
		t.Fatal(err)
	}
	for _, crd := range loadReal(t) {
		t.Run(crd.Name, func(t *testing.T) { testOnServer(t, c, crd) })
	}
}

func testOnServer(t *testing.T, c client.Client, source *apiextensionsv1.CustomResourceDefinition) {
	bound, err := boundschema.FromCRD(source, boundschema.Options{
		InformerScope: kubebindv1alpha2.ClusterScope, Isolation: kubebindv1alpha2.IsolationPrefixed,
	})
	if err != nil {
		t.Fatal(err)
	}
	bound.Namespace = "default"
	if err := c.Create(t.Context(), bound); err != nil {
		t.Fatal(err)
	}
	kept := &kubebindv1alpha2.BoundSchema{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(bound), kept); err != nil {
		t.Fatal(err)
	}
	hash, err := boundschema.Hash(kept)
	if err != nil {
		t.Fatal(err)
	}
	if want := kept.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation]; hash != want {
		t.Errorf("the BoundSchema has hash %s, and was written with %s", hash, want)
	}
	crd, err := boundschema.ToCRD(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := crds.Install(t.Context(), c, []*apiextensionsv1.CustomResourceDefinition{crd}); err != nil {
		t.Fatal(err)
	}
	served := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: source.Name}, served); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*apiextensionsv1.CustomResourceDefinition{"made": crd, "the source": source} {
		if same, err := boundschema.SameSpec(served, other); err != nil || !same {
			t.Errorf("the served CRD differs from %s (%v)", name, err)
		}
	}
}
