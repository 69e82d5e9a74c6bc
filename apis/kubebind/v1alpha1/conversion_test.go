// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "cowboys.wildwest.dev", Namespace: "kube-bind-x", Labels: map[string]string{"a": "b"}}
}

func conditions() []kubebindv1alpha2.Condition {
	return []kubebindv1alpha2.Condition{{Type: "Ready", Status: "True", LastTransitionTime: metav1.NewTime(time.Unix(1, 0))}}
}

func secretRef() LocalSecretKeyRef { return LocalSecretKeyRef{Name: "s", Key: "kubeconfig"} }

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: "kube-bind.io/v1alpha1", Kind: kind}
}

func export() *APIServiceExport {
	return &APIServiceExport{
		TypeMeta: typeMeta("APIServiceExport"), ObjectMeta: meta(),
		Spec: APIServiceExportSpec{
			Group: "wildwest.dev", Scope: apiextensionsv1.NamespaceScoped, InformerScope: kubebindv1alpha2.ClusterScope,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "cowboys", Kind: "Cowboy"},
			Versions: []APIServiceExportVersion{{
				Name: "v1", Served: true, Storage: true, Deprecated: true,
				Schema:                   APIServiceExportSchema{OpenAPIV3Schema: runtime.RawExtension{Raw: []byte(`{"type":"object","description":"<&>"}`)}},
				Subresources:             &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				AdditionalPrinterColumns: []apiextensionsv1.CustomResourceColumnDefinition{{Name: "A", Type: "string", JSONPath: ".a"}},
			}},
		},
		Status: APIServiceExportStatus{
			AcceptedNames: &apiextensionsv1.CustomResourceDefinitionNames{Plural: "cowboys", Kind: "Cowboy"}, StoredVersions: []string{"v1"},
			Conditions: conditions(),
		},
	}
}

// TestThereAndBack converts objects of v1alpha1, which v1alpha2 has room for, up and down again.
func TestThereAndBack(t *testing.T) {
	heartbeat := metav1.NewTime(time.Unix(2, 0))
	binding := &APIServiceBinding{
		TypeMeta: typeMeta("APIServiceBinding"), ObjectMeta: meta(),
		Spec:   APIServiceBindingSpec{KubeconfigSecretRef: ClusterSecretKeyRef{LocalSecretKeyRef: secretRef(), Namespace: "kube-bind"}},
		Status: APIServiceBindingStatus{ProviderPrettyName: "p", Conditions: conditions()},
	}
	clusterBinding := &ClusterBinding{
		TypeMeta: typeMeta("ClusterBinding"), ObjectMeta: meta(),
		Spec: ClusterBindingSpec{KubeconfigSecretRef: secretRef(), ProviderPrettyName: "p", ServiceProviderSpec: runtime.RawExtension{Raw: []byte(`{"a":1}`)}},
		Status: ClusterBindingStatus{
			LastHeartbeatTime: &heartbeat, HeartbeatInterval: &metav1.Duration{Duration: time.Minute}, KonnectorVersion: "v1", Conditions: conditions(),
		},
	}
	request := &APIServiceExportRequest{
		TypeMeta: typeMeta("APIServiceExportRequest"), ObjectMeta: meta(),
		Spec: APIServiceExportRequestSpec{
			Resources:        []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "r"}, Versions: []string{"v1"}}},
			Parameters:       &runtime.RawExtension{Raw: []byte(`{"b":2}`)},
			PermissionClaims: []kubebindv1alpha2.PermissionClaim{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}}},
			Namespaces:       []kubebindv1alpha2.Namespace{{Name: "n", Description: "d"}}, SchemaUpdatePolicy: kubebindv1alpha2.SchemaUpdateAlways,
		},
		Status: APIServiceExportRequestStatus{Phase: kubebindv1alpha2.PhaseFailed, TerminalMessage: "no", Conditions: conditions()},
	}
	namespace := &APIServiceNamespace{
		TypeMeta: typeMeta("APIServiceNamespace"), ObjectMeta: meta(), Status: APIServiceNamespaceStatus{Namespace: "n"},
	}
	for _, tc := range []struct {
		name  string
		in    any
		there func() (any, error)
	}{
		{"binding", binding, func() (any, error) { return BindingFromV1alpha2(BindingToV1alpha2(binding)) }},
		{"cluster binding", clusterBinding, func() (any, error) { return ClusterBindingFromV1alpha2(ClusterBindingToV1alpha2(clusterBinding)) }},
		{"request", request, func() (any, error) { return RequestFromV1alpha2(RequestToV1alpha2(request)), nil }},
		{"namespace", namespace, func() (any, error) { return NamespaceFromV1alpha2(NamespaceToV1alpha2(namespace)), nil }},
		{"namespaced export", export(), func() (any, error) { return exportThereAndBack(export()) }},
		{"cluster-scoped export", clusterScopedExport(), func() (any, error) { return exportThereAndBack(clusterScopedExport()) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.there()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.in, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func clusterScopedExport() *APIServiceExport {
	e := export()
	e.Spec.Scope, e.Spec.ClusterScopedIsolation = apiextensionsv1.ClusterScoped, kubebindv1alpha2.IsolationNone
	return e
}

func exportThereAndBack(in *APIServiceExport) (*APIServiceExport, error) {
	up, bound, err := ExportToV1alpha2(in)
	if err != nil {
		return nil, err
	}
	return ExportFromV1alpha2(up, bound)
}

func TestExportToV1alpha2(t *testing.T) {
	up, bound, err := ExportToV1alpha2(export())
	if err != nil {
		t.Fatal(err)
	}
	if bound.Name != "cowboys.wildwest.dev" || bound.Namespace != "kube-bind-x" || bound.Kind != "BoundSchema" {
		t.Errorf("the BoundSchema is %s %s/%s", bound.Kind, bound.Namespace, bound.Name)
	}
	if up.Spec.Isolation != kubebindv1alpha2.IsolationPrefixed || up.APIVersion != "kube-bind.io/v1alpha2" {
		t.Errorf("the export is %+v", up)
	}
	want := `{"openAPIV3Schema":{"type":"object","description":"<&>"}}`
	if got := string(bound.Spec.Versions[0].Schema.Raw); got != want {
		t.Errorf("the schema is %s, want %s", got, want)
	}
	if got := up.Spec.Resources; len(got) != 1 || got[0].ResourceGroupName() != bound.Name || len(got[0].Versions) != 1 {
		t.Errorf("resources are %v", got)
	}
}

func TestNotRepresentable(t *testing.T) {
	base := func(t *testing.T) (*kubebindv1alpha2.APIServiceExport, *kubebindv1alpha2.BoundSchema) {
		t.Helper()
		up, bound, err := ExportToV1alpha2(export())
		if err != nil {
			t.Fatal(err)
		}
		return up, bound
	}
	for _, tc := range []struct {
		field string
		try   func(t *testing.T) error
	}{
		{"spec.kubeconfigSecretRef.key", func(*testing.T) error {
			b := &kubebindv1alpha2.APIServiceBinding{}
			b.Spec.KubeconfigSecretRef.Key = "other"
			_, err := BindingFromV1alpha2(b)
			return err
		}},
		{"spec.kubeconfigSecretRef.key", func(*testing.T) error {
			_, err := ClusterBindingFromV1alpha2(&kubebindv1alpha2.ClusterBinding{})
			return err
		}},
		{"spec.permissionClaims", func(t *testing.T) error {
			up, bound := base(t)
			up.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{}}
			_, err := ExportFromV1alpha2(up, bound)
			return err
		}},
		{"spec.isolation", func(t *testing.T) error {
			up, bound := base(t)
			up.Spec.Isolation = kubebindv1alpha2.IsolationNone
			_, err := ExportFromV1alpha2(up, bound)
			return err
		}},
		{"spec.conversion.webhook", func(t *testing.T) error {
			up, bound := base(t)
			bound.Spec.Conversion = &kubebindv1alpha2.BoundSchemaConversion{Strategy: "Webhook", Webhook: &kubebindv1alpha2.BoundSchemaWebhook{}}
			_, err := ExportFromV1alpha2(up, bound)
			return err
		}},
		{"spec.versions[0].selectableFields", func(t *testing.T) error {
			up, bound := base(t)
			bound.Spec.Versions[0].SelectableFields = []apiextensionsv1.SelectableField{{JSONPath: ".a"}}
			_, err := ExportFromV1alpha2(up, bound)
			return err
		}},
	} {
		t.Run(tc.field, func(t *testing.T) {
			err := tc.try(t)
			var lost *NotRepresentableError
			if !errors.As(err, &lost) || lost.Field != tc.field || !strings.Contains(err.Error(), tc.field) {
				t.Errorf("got %v, want a NotRepresentableError about %s", err, tc.field)
			}
		})
	}
}

func TestSchemasThatAreNotJSON(t *testing.T) {
	broken := export()
	broken.Spec.Versions[0].Schema.OpenAPIV3Schema.Raw = []byte("type: object")
	if _, _, err := ExportToV1alpha2(broken); err == nil || !strings.Contains(err.Error(), broken.Name) {
		t.Errorf("got %v", err)
	}
	up, bound, err := ExportToV1alpha2(export())
	if err != nil {
		t.Fatal(err)
	}
	bound.Spec.Versions[0].Schema.Raw = []byte("{")
	if _, err := ExportFromV1alpha2(up, bound); err == nil {
		t.Error("a broken schema was converted")
	}
	bound.Spec.Versions[0].Schema.Raw = []byte(`{"type":"object"}`)
	down, err := ExportFromV1alpha2(up, bound)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(down.Spec.Versions[0].Schema.OpenAPIV3Schema.Raw); got != `{"type":"object"}` {
		t.Errorf("a bare schema became %s", got)
	}
}
