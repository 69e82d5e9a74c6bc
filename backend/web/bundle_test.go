// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// place is a kubeconfig as a bind returns it.
const place = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://provider.example.com"}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: kube-bind-x}}]
current-context: c
`

func TestBundle(t *testing.T) {
	response := &kubebindv1alpha2.BindingResourceResponse{
		Kubeconfig: []byte(place),
		Requests: []runtime.RawExtension{{Raw: []byte(`{"apiVersion": "kube-bind.io/v1alpha2", "kind": "APIServiceExportRequest", "metadata": {"name": "my.fruit"},
			"spec": {"resources": [{"group": "orchard.dev", "resource": "fruits"}]}}`)}},
	}
	got, err := newBundle("fruits", "my.fruit", response, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"kind: Namespace\n", "kind: CustomResourceDefinition\n", "kind: Deployment\n", "image: ghcr.io/kbind-dev/konnector:v1.2.3\n",
		"name: kube-bind-konnector-my.fruit:kubeconfig-", "\nrules:\n- apiGroups:\n  - orchard.dev\n", "kube-bind.io/bindings: |\n", "name: my.fruit\n", "kind: Secret\n",
	} {
		if !strings.Contains(got.Manifest, part) {
			t.Errorf("the manifest has no %q", part)
		}
	}
	got.Manifest = ""
	want := bundle{
		Template: "fruits", Name: "my.fruit", File: "my.fruit.yaml",
		Apply:  "kubectl apply -f my.fruit.yaml",
		Appear: "kubectl wait apiservicebinding/my.fruit --for=create --timeout=5m",
		Ready:  "kubectl wait apiservicebinding/my.fruit --for=condition=Ready --timeout=5m",
	}
	if *got != want {
		t.Errorf("got\n%+v\nwant\n%+v", *got, want)
	}
	if _, err := newBundle("fruits", "my.fruit", &kubebindv1alpha2.BindingResourceResponse{Kubeconfig: []byte("{}")}, "v1.2.3"); err == nil {
		t.Error("there is a manifest without a credential")
	}
}
