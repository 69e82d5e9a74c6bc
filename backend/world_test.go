// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/deploy/crds"
)

// eventually waits until check returns nil, and fails the test with its last error.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		if said := check(ctx); said == nil || ctx.Err() == nil {
			last = said
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v: %v", what, err, last)
	}
}

// never checks for a while that check goes on returning nil.
func never(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Second, true, func(ctx context.Context) (bool, error) {
		return false, check(ctx)
	})
	if !wait.Interrupted(err) {
		t.Fatalf("%s: %v", what, err)
	}
}

// get reads an object, or fails the test.
func get[T client.Object](t *testing.T, c client.Client, namespace, name string, obj T) T {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, obj); err != nil {
		t.Fatalf("reading %T %s/%s: %v", obj, namespace, name, err)
	}
	return obj
}

// create makes an object, or fails the test.
func create[T client.Object](t *testing.T, c client.Client, obj T) T {
	t.Helper()
	if err := c.Create(t.Context(), obj); err != nil {
		t.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
	}
	return obj
}

// unique is a name that no other test uses.
func unique(t *testing.T) string {
	sum := sha256.Sum256([]byte(t.Name()))
	_, name, _ := strings.Cut(strings.ToLower(t.Name()), "test")
	name, _, _ = strings.Cut(name, "/")
	return name[:min(len(name), 12)] + hex.EncodeToString(sum[:4])
}

// api is a CRD of the provider.
type api struct {
	schema.GroupVersionResource
	kind       string
	namespaced bool
}

func (a api) object(namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(a.GroupVersion().WithKind(a.kind))
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

func (a api) list() *unstructured.UnstructuredList {
	u := &unstructured.UnstructuredList{}
	u.SetGroupVersionKind(a.GroupVersion().WithKind(a.kind + "List"))
	return u
}

func (a api) resource(versions ...string) kubebindv1alpha2.ExportedResource {
	return kubebindv1alpha2.ExportedResource{
		GroupResource: kubebindv1alpha2.GroupResource{Group: a.Group, Resource: a.Resource}, Versions: versions,
	}
}

// newAPI makes an exported CRD in a group of this test.
func newAPI(t *testing.T, plural string, scope apiextensionsv1.ResourceScope, mods ...func(*apiextensionsv1.CustomResourceDefinition)) api {
	t.Helper()
	kind := strings.ToUpper(plural[:1]) + strings.TrimSuffix(plural[1:], "s")
	crd := &apiextensionsv1.CustomResourceDefinition{}
	crd.Spec = apiextensionsv1.CustomResourceDefinitionSpec{
		Group: strings.ReplaceAll(unique(t), "-", "") + ".example.org",
		Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Kind: kind},
		Scope: scope,
		Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
			Name: "v1", Served: true, Storage: true, Schema: openSchema("first"),
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
		}},
	}
	crd.Name = plural + "." + crd.Spec.Group
	crd.Labels = map[string]string{kubebindv1alpha2.ExportedLabel: "true"}
	for _, mod := range mods {
		mod(crd)
	}
	if err := crds.Install(t.Context(), admin(t), []*apiextensionsv1.CustomResourceDefinition{crd}); err != nil {
		t.Fatal(err)
	}
	return api{
		GroupVersionResource: schema.GroupVersionResource{Group: crd.Spec.Group, Version: "v1", Resource: plural},
		kind:                 kind, namespaced: scope == apiextensionsv1.NamespaceScoped,
	}
}

func openSchema(description string) *apiextensionsv1.CustomResourceValidation {
	open := true
	return &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
		Type: "object", Description: description, XPreserveUnknownFields: &open,
	}}
}

// newTemplate offers resources under the name of this test and a suffix.
func newTemplate(t *testing.T, suffix string, mod func(*kubebindv1alpha2.APIServiceExportTemplateSpec), apis ...api) *kubebindv1alpha2.APIServiceExportTemplate {
	t.Helper()
	template := &kubebindv1alpha2.APIServiceExportTemplate{}
	template.Name = unique(t) + suffix
	template.Spec.Scope = kubebindv1alpha2.NamespacedScope
	for _, a := range apis {
		template.Spec.Resources = append(template.Spec.Resources, a.resource())
	}
	if mod != nil {
		mod(&template.Spec)
	}
	return create(t, admin(t), template)
}

// newNamespace makes a namespace for requests.
func newNamespace(t *testing.T, suffix string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: unique(t) + suffix}}
	return create(t, admin(t), ns).Name
}

func newRequest(namespace, name, identity, template string) *kubebindv1alpha2.BindableResourcesRequest {
	request := &kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request.Spec.Author = "tester"
	request.Spec.ClusterIdentity.Identity = identity
	if template != "" {
		request.Spec.TemplateRef = &kubebindv1alpha2.TemplateReference{Name: template}
	}
	return request
}

// finished waits until a request has come to an end.
func finished(t *testing.T, request *kubebindv1alpha2.BindableResourcesRequest, phase kubebindv1alpha2.Phase, reason string) *kubebindv1alpha2.BindableResourcesRequest {
	t.Helper()
	c := admin(t)
	out := &kubebindv1alpha2.BindableResourcesRequest{}
	eventually(t, fmt.Sprintf("request %s to be %s/%s", request.Name, phase, reason), func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(request), out); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(out.Status.Conditions, kubebindv1alpha2.ConditionReady)
		if out.Status.Phase != phase || ready == nil || ready.Reason != reason {
			return fmt.Errorf("its status is %+v", out.Status)
		}
		return nil
	})
	return out
}

// consumer is somebody who has bound.
type consumer struct {
	client.Client
	// namespace is the contract namespace.
	namespace  string
	kubeconfig []byte
}

// bind makes a request from a namespace, and returns the consumer that it is answered with.
func bind(t *testing.T, namespace, name, identity, template string) consumer {
	t.Helper()
	request := create(t, admin(t), newRequest(namespace, name, identity, template))
	request = finished(t, request, kubebindv1alpha2.PhaseSucceeded, kubebindv1alpha2.ReasonSecretReady)
	return answerOf(t, request)
}

func answerOf(t *testing.T, request *kubebindv1alpha2.BindableResourcesRequest) consumer {
	t.Helper()
	ref := request.Status.KubeconfigSecretRef
	if ref == nil {
		t.Fatal("the request names no Secret")
	}
	secret := get(t, admin(t), request.Namespace, ref.Name, &corev1.Secret{})
	var response kubebindv1alpha2.BindingResourceResponse
	if err := json.Unmarshal(secret.Data[ref.Key], &response); err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	if response.ProviderNamespace != request.Status.Namespace {
		t.Errorf("the answer names namespace %q, the status %q", response.ProviderNamespace, request.Status.Namespace)
	}
	return consumer{Client: clientOf(t, response.Kubeconfig), namespace: response.ProviderNamespace, kubeconfig: response.Kubeconfig}
}

func clientOf(t *testing.T, kubeconfig []byte) client.Client {
	t.Helper()
	cfg, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatalf("reading the kubeconfig: %v", err)
	}
	cfg.QPS = -1
	return clientFor(t, cfg)
}

// serviceNamespace asks as the consumer for a provider namespace, and waits for it.
func (c consumer) serviceNamespace(t *testing.T, name string) string {
	t.Helper()
	ns := create(t, c.Client, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}})
	eventually(t, "namespace "+name, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
			return err
		}
		if ns.Status.Namespace == "" {
			return fmt.Errorf("its status is %+v", ns.Status)
		}
		return nil
	})
	return ns.Status.Namespace
}

// roleList and roleBindingList return what was given to a consumer.
func roleList(t *testing.T, contract string) []client.Object {
	t.Helper()
	var list rbacv1.RoleList
	if err := admin(t).List(t.Context(), &list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: contract}); err != nil {
		t.Fatal(err)
	}
	var out []client.Object
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out
}

func roleBindingList(t *testing.T, contract string) []client.Object {
	t.Helper()
	var list rbacv1.RoleBindingList
	if err := admin(t).List(t.Context(), &list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: contract}); err != nil {
		t.Fatal(err)
	}
	var out []client.Object
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out
}

// errorf is for what is looked at again.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// eachItem calls a function for each object of a list.
func eachItem(list client.ObjectList, call func(client.Object)) error {
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	for _, item := range items {
		call(item.(client.Object))
	}
	return nil
}

// clusterOf runs a view of the provider's cluster until the test ends.
func clusterOf(t *testing.T) cluster.Cluster {
	t.Helper()
	scheme, err := backend.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := cluster.New(provider.Config(), func(o *cluster.Options) { o.Scheme = scheme })
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = cl.Start(t.Context()) }()
	if !cl.GetCache().WaitForCacheSync(t.Context()) {
		t.Fatal("the cache does not start")
	}
	return cl
}
