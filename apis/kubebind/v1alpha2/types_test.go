// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var (
	_ Conditioned = &APIServiceBinding{}
	_ Conditioned = &APIServiceBindingBundle{}
	_ Conditioned = &APIServiceExport{}
	_ Conditioned = &APIServiceExportRequest{}
	_ Conditioned = &APIServiceExportTemplate{}
	_ Conditioned = &APIServiceNamespace{}
	_ Conditioned = &BoundSchema{}
	_ Conditioned = &Cluster{}
	_ Conditioned = &ClusterBinding{}
	_ Conditioned = &Collection{}
	_ error       = &Error{}
)

func TestGroupResource(t *testing.T) {
	for _, tc := range []struct {
		in                   GroupResource
		group, name, printed string
	}{
		{GroupResource{Resource: "secrets"}, "", "secrets.core", "secrets"},
		{GroupResource{Group: "core", Resource: "secrets"}, "", "secrets.core", "secrets"},
		{GroupResource{Group: "wildwest.dev", Resource: "cowboys"}, "wildwest.dev", "cowboys.wildwest.dev", "cowboys.wildwest.dev"},
	} {
		if got := tc.in.APIGroup(); got != tc.group {
			t.Errorf("%v: group is %q, want %q", tc.in, got, tc.group)
		}
		if got := tc.in.ResourceGroupName(); got != tc.name {
			t.Errorf("%v: name is %q, want %q", tc.in, got, tc.name)
		}
		if got := tc.in.String(); got != tc.printed {
			t.Errorf("%v: prints %q, want %q", tc.in, got, tc.printed)
		}
	}
}

func TestBoundSchemaName(t *testing.T) {
	s := &BoundSchema{}
	s.Spec.Group, s.Spec.Names.Plural = "wildwest.dev", "cowboys"
	if got := s.ResourceGroupName(); got != "cowboys.wildwest.dev" {
		t.Errorf("got %q", got)
	}
}

// TestEmptyStatusIsNotSent sees that an object without a status does not overwrite the server's with an empty one, in
// both of the ways that Go clients encode objects.
func TestEmptyStatusIsNotSent(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects := 0
	for kind, goType := range scheme.KnownTypes(GroupVersion) {
		if goType.PkgPath() != "kube-bind.io/kube-bind/apis/kubebind/v1alpha2" {
			continue
		}
		if _, hasStatus := goType.FieldByName("Status"); !hasStatus {
			continue
		}
		objects++
		object, err := scheme.New(GroupVersion.WithKind(kind))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), `"status"`) {
			t.Errorf("%s is encoded as %s", kind, raw)
		}
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		if status, sent := fields["status"]; sent {
			t.Errorf("%s is converted with status %v", kind, status)
		}
	}
	if objects != 11 {
		t.Errorf("%d kinds with a status are registered, want 11", objects)
	}
}

func TestWireKinds(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"BindingProvider", "BindingResourceResponse"} {
		if !scheme.Recognizes(GroupVersion.WithKind(kind)) {
			t.Errorf("%s is not registered", kind)
		}
	}
	for _, tc := range []struct {
		name string
		in   any
		want string
	}{
		{"an error", &Error{TypeMeta: metav1.TypeMeta{Kind: ErrorKind, APIVersion: GroupVersion.String()}, Code: ErrorCodeBadRequest, Message: "m"}, `{"kind":"Error","apiVersion":"kube-bind.io/v1alpha2","message":"m","code":"BAD_REQUEST"}`},
		{"a response", &BindingResourceResponse{Kubeconfig: []byte("k")}, `{"kubeconfig":"aw==","requests":null}`},
		{"a proposed request", &APIServiceExportRequestResponse{NameObjectMeta: NameObjectMeta{Name: "n"}, Spec: APIServiceExportRequestSpec{Resources: []ExportedResource{{GroupResource: GroupResource{Resource: "r"}}}}}, `{"metadata":{"name":"n"},"spec":{"resources":[{"resource":"r"}]}}`},
	} {
		got, err := json.Marshal(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tc.want {
			t.Errorf("%s is %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestErrorMessage(t *testing.T) {
	for want, err := range map[string]error{
		"no":      &Error{Message: "no"},
		"no: why": &Error{Message: "no", Details: "why"},
	} {
		var asError *Error
		if !errors.As(err, &asError) || err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}
