// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"os"
	"path"
	"testing"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
	"kube-bind.io/kube-bind/test/wild"
)

// cowboys is the CRD of the example API.
func cowboys(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	file, err := pair.Example(t.Context(), "crd-cowboys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// offer has a provider's workspace offer an API: by an APIExport, which with the tenancy namespace is bound in the workspace
// itself, as it has to be served there.
func (b *backend) offer(t *testing.T, p *wild.Provider, crd *apiextensionsv1.CustomResourceDefinition, claims ...apisv1alpha2.PermissionClaim) {
	t.Helper()
	if err := p.Export(t.Context(), crd, claims...); err != nil {
		t.Fatal(err)
	}
	if b.tenancy == string(kcp.Namespaces) {
		binding := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: crd.Name}}
		binding.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Path: string(p.Cluster), Name: crd.Name}
		if err := wild.Bind(t.Context(), p.Client, binding); err != nil {
			t.Fatal(err)
		}
	}
}

// consumer is who has bound something, by what it was given.
type consumer struct {
	// Client is its own.
	client.Client
	config *rest.Config
	// cluster is the logical cluster of its place, and namespace the contract namespace in it.
	cluster, namespace string
	// copies is the namespace for objects of its namespace "team", at the provider.
	copies     string
	kubeconfig []byte
}

// bind binds a template of the plural's name for a consumer, without any konnector.
func (b *backend) bind(t *testing.T, p *wild.Provider, template, identity string) *consumer {
	t.Helper()
	side := &pair.Pair{Provider: &pair.Side{Client: p.Client}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	place, err := side.Request(ctx, identity, template, identity)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.process.LogTail(10))
	}
	out := &consumer{namespace: place.Namespace, kubeconfig: place.Kubeconfig}
	if out.config, err = clientcmd.RESTConfigFromKubeConfig(place.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	out.config.QPS = -1
	out.cluster = path.Base(out.config.Host)
	if out.Client, err = client.New(out.config, client.Options{Scheme: b.Scheme}); err != nil {
		t.Fatal(err)
	}
	return out
}

// team has the backend make a namespace for the consumer's namespace "team".
func (c *consumer) team(t *testing.T) {
	t.Helper()
	ns := &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "team"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatalf("asking for a namespace: %v", err)
	}
	expect.Eventually(t, "a namespace for objects", func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
			return err
		}
		if c.copies = ns.Status.Namespace; c.copies == "" {
			return fmt.Errorf("it is not there: %+v", ns.Status)
		}
		return nil
	})
}

// cowboy is an object of the consumer as the provider has it.
func (c *consumer) cowboy(name string) *unstructured.Unstructured {
	return expect.Cowboy(c.copies, name)
}

// create creates an object once the rights for it are there.
func (c *consumer) create(t *testing.T, obj client.Object) {
	t.Helper()
	expect.Eventually(t, "making an object", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(c.Create(ctx, obj.DeepCopyObject().(client.Object)))
	})
}
