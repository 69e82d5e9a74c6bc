// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// documents are those of a manifest, by kind and name, in order.
func documents(t *testing.T, raw []byte) (names []string, texts map[string]string) {
	t.Helper()
	texts = map[string]string{}
	for _, text := range strings.Split(strings.TrimPrefix(string(raw), "---\n"), "---\n") {
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "creationTimestamp: null") || strings.Contains(text, "\nstatus:") {
			t.Errorf("%s %s says what only servers say:\n%s", object.Kind, object.Name, text)
		}
		name := object.Kind + "/" + object.Name
		names = append(names, name)
		texts[name] = text
	}
	return names, texts
}

// decode reads a document strictly.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
}

func contract() *Contract {
	request := kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Name: "ranch"}}
	request.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}}}
	for _, claimed := range []string{"secrets", "configmaps"} {
		request.Spec.PermissionClaims = append(request.Spec.PermissionClaims, kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: claimed}})
	}
	return &Contract{
		Kubeconfig: []byte("a kubeconfig"), Config: &rest.Config{Host: "https://provider.example.com"}, Namespace: "kube-bind-x",
		Requests: []kubebindv1alpha2.APIServiceExportRequest{request},
	}
}

// What a bundle has can be applied: in this order, and strictly typed. The bindings are in the Secret.
func TestBundle(t *testing.T) {
	c := contract()
	bindings := c.Bindings()
	bindings[0].Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaimConsent{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}, State: kubebindv1alpha2.ConsentRefused}}
	b := &Bundle{Contract: c, Bindings: bindings, Konnector: konnector.Options{Version: "v1.2.3"}}
	raw, err := b.YAML()
	if err != nil {
		t.Fatal(err)
	}
	names, texts := documents(t, raw)
	secretName := "Secret/" + c.SecretName()
	want := []string{
		"Namespace/kube-bind",
		"CustomResourceDefinition/apiservicebindingbundles.kube-bind.io", "CustomResourceDefinition/apiservicebindings.kube-bind.io",
		"ServiceAccount/konnector", "ClusterRole/kube-bind-konnector:base", "ClusterRole/kube-bind-konnector", "ClusterRoleBinding/kube-bind-konnector:base",
		"ClusterRoleBinding/kube-bind-konnector",
		"Role/konnector", "RoleBinding/konnector", "PodDisruptionBudget/konnector", "Deployment/konnector", "ClusterRole/kube-bind-konnector-ranch:" + c.SecretName(),
		secretName,
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	deployment := &appsv1.Deployment{}
	decode(t, texts["Deployment/konnector"], deployment)
	if image := deployment.Spec.Template.Spec.Containers[0].Image; image != "ghcr.io/kbind-dev/konnector:v1.2.3" {
		t.Errorf("the image is %s", image)
	}
	secret := &corev1.Secret{}
	decode(t, texts[secretName], secret)
	if string(secret.Data[kubebindv1alpha2.KubeconfigSecretKey]) != "a kubeconfig" || secret.Labels[kubebindv1alpha2.ProviderKubeconfigLabel] != "true" {
		t.Errorf("the Secret is %s", texts[secretName])
	}
	var enclosed []kubebindv1alpha2.APIServiceBinding
	decode(t, secret.Annotations[kubebindv1alpha2.BindingsAnnotation], &enclosed)
	role := &rbacv1.ClusterRole{}
	decode(t, texts["ClusterRole/kube-bind-konnector-ranch:"+c.SecretName()], role)
	if len(role.Rules) != 2 || role.Rules[0].Resources[0] != "cowboys" || role.Rules[1].Resources[0] != "configmaps" {
		t.Errorf("Secrets are refused, and the rights are %+v", role.Rules)
	}
	if len(enclosed) != 1 || enclosed[0].Name != "ranch" || fmt.Sprint(enclosed[0].Spec.PermissionClaims) != fmt.Sprint(bindings[0].Spec.PermissionClaims) {
		t.Errorf("the Secret has the bindings %+v", enclosed)
	}
}

// Where the konnector runs already, the bundle has only its rights for the binding.
func TestBundleWithoutKonnector(t *testing.T) {
	c := contract()
	raw, err := (&Bundle{Contract: c, Bindings: c.Bindings(), SkipKonnector: true}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	names, _ := documents(t, raw)
	want := []string{
		"Namespace/kube-bind",
		"CustomResourceDefinition/apiservicebindingbundles.kube-bind.io", "CustomResourceDefinition/apiservicebindings.kube-bind.io",
		"ClusterRole/kube-bind-konnector-ranch:" + c.SecretName(), "Secret/" + c.SecretName(),
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}
