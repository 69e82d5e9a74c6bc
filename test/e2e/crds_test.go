// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// realObject is a valid object of a real CRD, and a valid status.
type realObject struct{ crd, manifest, status string }

func realObjects() []realObject {
	const condition = `{type: Ready, status: "True", reason: Fine, message: all is well, lastTransitionTime: "2026-01-01T00:00:00Z"}`
	return []realObject{
		{
			"certificates.cert-manager.io",
			`{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {namespace: real, name: example}, spec: {secretName: tls, issuerRef: {name: ca}, dnsNames: [example.org]}}`,
			`{conditions: [` + condition + `]}`,
		},
		{
			"clusterissuers.cert-manager.io",
			`{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: example}, spec: {selfSigned: {}}}`,
			`{conditions: [` + condition + `]}`,
		},
		{
			"clusters.postgresql.cnpg.io",
			`{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {namespace: real, name: example}, spec: {instances: 1, storage: {size: 1Gi}}}`,
			`{phase: Cluster in healthy state, readyInstances: 1}`,
		},
		{
			"backups.postgresql.cnpg.io",
			`{apiVersion: postgresql.cnpg.io/v1, kind: Backup, metadata: {namespace: real, name: example}, spec: {cluster: {name: example}}}`,
			`{phase: completed}`,
		},
		{
			"gatewayclasses.gateway.networking.k8s.io",
			`{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: example}, spec: {controllerName: example.org/gateways}}`,
			`{conditions: [` + condition + `]}`,
		},
		{
			"httproutes.gateway.networking.k8s.io",
			`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: real, name: example}, spec: {parentRefs: [{name: gateway}], hostnames: [example.org]}}`,
			`{parents: [{controllerName: example.org/gateways, parentRef: {name: gateway}, conditions: [` + condition + `]}]}`,
		},
	}
}

// The six real CRDs are exported and bound, and a valid object of each makes the round trip. Cluster-scoped ones need
// informer scope Cluster.
func TestRealCRDs(t *testing.T) {
	t.Parallel()
	p := start(t, "--consumer-scope=cluster", "--isolation=prefixed")
	expect.Namespace(t, p.Consumer, "real")
	for _, real := range realObjects() {
		t.Run(real.crd, func(t *testing.T) {
			t.Parallel()
			export(t, p, real.crd)
			place := bind(t, p, real.crd)
			here := parsed(t, real.manifest)
			expect.Create(t, p.Consumer, here.DeepCopy())
			copied := here.DeepCopy()
			if here.GetNamespace() == "" {
				copied.SetName(place.There(here.GetName()))
			} else {
				copied.SetNamespace(place.There(here.GetNamespace()))
			}
			expect.Exists(t, p.Provider, copied)
			status := parsed(t, real.status).Object
			expect.ChangeStatus(t, p.Provider, copied, expect.Set(status, "status"))
			expect.SameStatus(t, p.Provider, copied, p.Consumer, here)
			refuses(t, p, here)
			expect.Delete(t, p.Consumer, here)
			expect.Gone(t, p.Consumer, here)
			expect.Gone(t, p.Provider, copied)
		})
	}
}

// refuses checks that the rules of a schema hold in the consumer: a CEL rule for GatewayClass, a required field else.
func refuses(t *testing.T, p *pair.Pair, valid *unstructured.Unstructured) {
	t.Helper()
	wrong, err := expect.Get(t.Context(), p.Consumer, valid)
	if err != nil {
		t.Fatal(err)
	}
	switch valid.GetKind() {
	case "GatewayClass":
		expect.Set("example.org/other", "spec", "controllerName")(wrong)
		if err := p.Consumer.Client.Update(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "immutable") {
			t.Errorf("a CEL rule does not hold: %v", err)
		}
	case "HTTPRoute":
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := p.Consumer.Client.Get(t.Context(), client.ObjectKey{Name: "httproutes.gateway.networking.k8s.io"}, crd); err != nil {
			t.Fatal(err)
		}
		if len(crd.Spec.Versions) != 2 || !crd.Spec.Versions[0].Served || !crd.Spec.Versions[1].Served {
			t.Errorf("not both versions are served")
		}
	default:
		expect.Set("not an object", "spec")(wrong)
		if err := p.Consumer.Client.Update(t.Context(), wrong); err == nil {
			t.Error("an invalid object is taken")
		}
	}
}

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// export offers a CRD of testdata by a template of its name.
func export(t *testing.T, p *pair.Pair, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "crds", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := parsed(t, string(data))
	crd.SetLabels(map[string]string{kubebindv1alpha2.ExportedLabel: "true"})
	offer(t, p, crd)
}

// offer makes a CRD and a template for it.
func offer(t *testing.T, p *pair.Pair, crd *unstructured.Unstructured) {
	t.Helper()
	expect.Create(t, p.Provider, crd)
	plural, group, _ := strings.Cut(crd.GetName(), ".")
	scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
	template := &kubebindv1alpha2.APIServiceExportTemplate{
		Spec: kubebindv1alpha2.APIServiceExportTemplateSpec{
			Scope:     kubebindv1alpha2.InformerScope(scope),
			Resources: []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: group, Resource: plural}}},
		},
	}
	template.Name = crd.GetName()
	expect.Create(t, p.Provider, template)
}

// bind binds the template of a name, under that name.
func bind(t *testing.T, p *pair.Pair, name string) *pair.Place {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*expect.Timeout)
	defer cancel()
	place, err := p.Bind(ctx, name, name)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// start is a pair for one test, whose backend has further arguments.
func start(t *testing.T, backendArgs ...string) *pair.Pair {
	t.Helper()
	p, err := pair.Start(t.Context(), pair.Options{LogDir: t.TempDir(), BackendArgs: backendArgs, Bin: world.Bin(), Beside: world.Pair, Install: installed()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the backend's log:\n%s\nend of the konnector's log:\n%s", p.Backend().LogTail(15), p.Konnector().LogTail(15))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}
