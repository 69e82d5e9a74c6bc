// SPDX-License-Identifier: Apache-2.0

package web

import "testing"

func TestBundle(t *testing.T) {
	got, err := newBundle("fruits", "my.fruit", []byte("kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	want := bundle{
		Template: "fruits", Name: "my.fruit", File: "my.fruit.yaml",
		Apply: "kubectl apply -f my.fruit.yaml",
		Wait:  "kubectl wait apiservicebinding/my.fruit --for=condition=Ready --timeout=2m",
		Manifest: `apiVersion: v1
kind: Namespace
metadata:
  name: kube-bind
---
apiVersion: v1
data:
  kubeconfig: a3ViZWNvbmZpZw==
kind: Secret
metadata:
  name: kubeconfig-my.fruit
  namespace: kube-bind
type: Opaque
---
apiVersion: kube-bind.io/v1alpha2
kind: APIServiceBinding
metadata:
  name: my.fruit
spec:
  kubeconfigSecretRef:
    key: kubeconfig
    name: kubeconfig-my.fruit
    namespace: kube-bind
`,
	}
	if got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}
