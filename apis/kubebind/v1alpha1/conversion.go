// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// NotRepresentableError says that an object of v1alpha2 has a value that v1alpha1 has no place for.
type NotRepresentableError struct {
	// Kind and Name are those of the object.
	Kind, Name string
	// Field is the path of the value.
	Field string
	// Reason says why it has no place.
	Reason string
}

// Error names the object, the field and the reason.
func (e *NotRepresentableError) Error() string {
	return fmt.Sprintf("%s %q cannot be written as %s: %s: %s", e.Kind, e.Name, Version, e.Field, e.Reason)
}

// BindingToV1alpha2 converts a binding. Nothing is lost.
func BindingToV1alpha2(in *APIServiceBinding) *kubebindv1alpha2.APIServiceBinding {
	in = in.DeepCopy()
	out := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: in.ObjectMeta}
	out.SetGroupVersionKind(kubebindv1alpha2.GroupVersion.WithKind("APIServiceBinding"))
	out.Spec.KubeconfigSecretRef = kubebindv1alpha2.ClusterSecretKeyRef{
		LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef(in.Spec.KubeconfigSecretRef.LocalSecretKeyRef),
		Namespace:         in.Spec.KubeconfigSecretRef.Namespace,
	}
	out.Status.ProviderPrettyName = in.Status.ProviderPrettyName
	out.Status.Conditions = in.Status.Conditions
	return out
}

// BindingFromV1alpha2 converts a binding. The bound schemas and permission claims of its status are left out. It fails
// with a NotRepresentableError when the kubeconfig lies under another key than "kubeconfig".
func BindingFromV1alpha2(in *kubebindv1alpha2.APIServiceBinding) (*APIServiceBinding, error) {
	in = in.DeepCopy()
	ref := in.Spec.KubeconfigSecretRef
	if err := checkKey("APIServiceBinding", in.Name, ref.Key); err != nil {
		return nil, err
	}
	out := &APIServiceBinding{ObjectMeta: in.ObjectMeta}
	out.SetGroupVersionKind(GroupVersion.WithKind("APIServiceBinding"))
	out.Spec.KubeconfigSecretRef = ClusterSecretKeyRef{
		LocalSecretKeyRef: LocalSecretKeyRef(ref.LocalSecretKeyRef), Namespace: ref.Namespace,
	}
	out.Status.ProviderPrettyName = in.Status.ProviderPrettyName
	out.Status.Conditions = in.Status.Conditions
	return out, nil
}

// ClusterBindingToV1alpha2 converts a ClusterBinding. Nothing is lost.
func ClusterBindingToV1alpha2(in *ClusterBinding) *kubebindv1alpha2.ClusterBinding {
	in = in.DeepCopy()
	out := &kubebindv1alpha2.ClusterBinding{ObjectMeta: in.ObjectMeta}
	out.SetGroupVersionKind(kubebindv1alpha2.GroupVersion.WithKind("ClusterBinding"))
	out.Spec = kubebindv1alpha2.ClusterBindingSpec{
		KubeconfigSecretRef: kubebindv1alpha2.LocalSecretKeyRef(in.Spec.KubeconfigSecretRef),
		ProviderPrettyName:  in.Spec.ProviderPrettyName,
		ServiceProviderSpec: in.Spec.ServiceProviderSpec,
	}
	out.Status = kubebindv1alpha2.ClusterBindingStatus{
		LastHeartbeatTime: in.Status.LastHeartbeatTime,
		HeartbeatInterval: in.Status.HeartbeatInterval,
		KonnectorVersion:  in.Status.KonnectorVersion,
		Conditions:        in.Status.Conditions,
	}
	return out
}

// ClusterBindingFromV1alpha2 converts a ClusterBinding. The consumer's Secret is left out of the status. It fails with
// a NotRepresentableError when the kubeconfig lies under another key than "kubeconfig".
func ClusterBindingFromV1alpha2(in *kubebindv1alpha2.ClusterBinding) (*ClusterBinding, error) {
	in = in.DeepCopy()
	if err := checkKey("ClusterBinding", in.Name, in.Spec.KubeconfigSecretRef.Key); err != nil {
		return nil, err
	}
	out := &ClusterBinding{ObjectMeta: in.ObjectMeta}
	out.SetGroupVersionKind(GroupVersion.WithKind("ClusterBinding"))
	out.Spec = ClusterBindingSpec{
		KubeconfigSecretRef: LocalSecretKeyRef(in.Spec.KubeconfigSecretRef),
		ProviderPrettyName:  in.Spec.ProviderPrettyName,
		ServiceProviderSpec: in.Spec.ServiceProviderSpec,
	}
	out.Status = ClusterBindingStatus{
		LastHeartbeatTime: in.Status.LastHeartbeatTime,
		HeartbeatInterval: in.Status.HeartbeatInterval,
		KonnectorVersion:  in.Status.KonnectorVersion,
		Conditions:        in.Status.Conditions,
	}
	return out, nil
}

// RequestToV1alpha2 converts a request. Nothing is lost.
func RequestToV1alpha2(in *APIServiceExportRequest) *kubebindv1alpha2.APIServiceExportRequest {
	in = in.DeepCopy()
	out := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: in.ObjectMeta}
	out.SetGroupVersionKind(kubebindv1alpha2.GroupVersion.WithKind("APIServiceExportRequest"))
	out.Spec = kubebindv1alpha2.APIServiceExportRequestSpec{
		Resources: in.Spec.Resources, PermissionClaims: in.Spec.PermissionClaims, Namespaces: in.Spec.Namespaces,
		Parameters: in.Spec.Parameters, SchemaUpdatePolicy: in.Spec.SchemaUpdatePolicy,
	}
	out.Status = kubebindv1alpha2.APIServiceExportRequestStatus(in.Status)
	return out
}

// RequestFromV1alpha2 converts a request. Nothing is lost.
func RequestFromV1alpha2(in *kubebindv1alpha2.APIServiceExportRequest) *APIServiceExportRequest {
	in = in.DeepCopy()
	out := &APIServiceExportRequest{ObjectMeta: in.ObjectMeta}
	out.SetGroupVersionKind(GroupVersion.WithKind("APIServiceExportRequest"))
	out.Spec = APIServiceExportRequestSpec{
		Resources: in.Spec.Resources, PermissionClaims: in.Spec.PermissionClaims, Namespaces: in.Spec.Namespaces,
		Parameters: in.Spec.Parameters, SchemaUpdatePolicy: in.Spec.SchemaUpdatePolicy,
	}
	out.Status = APIServiceExportRequestStatus(in.Status)
	return out
}

// NamespaceToV1alpha2 converts an APIServiceNamespace. Nothing is lost.
func NamespaceToV1alpha2(in *APIServiceNamespace) *kubebindv1alpha2.APIServiceNamespace {
	out := &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: *in.ObjectMeta.DeepCopy()}
	out.SetGroupVersionKind(kubebindv1alpha2.GroupVersion.WithKind("APIServiceNamespace"))
	out.Status.Namespace = in.Status.Namespace
	return out
}

// NamespaceFromV1alpha2 converts an APIServiceNamespace. The conditions of its status are left out.
func NamespaceFromV1alpha2(in *kubebindv1alpha2.APIServiceNamespace) *APIServiceNamespace {
	out := &APIServiceNamespace{ObjectMeta: *in.ObjectMeta.DeepCopy()}
	out.SetGroupVersionKind(GroupVersion.WithKind("APIServiceNamespace"))
	out.Status.Namespace = in.Status.Namespace
	return out
}

func checkKey(kind, name, key string) error {
	if key == kubebindv1alpha2.KubeconfigSecretKey {
		return nil
	}
	return &NotRepresentableError{
		Kind: kind, Name: name, Field: "spec.kubeconfigSecretRef.key",
		Reason: fmt.Sprintf("is %q, and can only be %q", key, kubebindv1alpha2.KubeconfigSecretKey),
	}
}

// openAPISchemaWrapper is a schema as a CRD holds it.
type openAPISchemaWrapper struct {
	OpenAPIV3Schema json.RawMessage `json:"openAPIV3Schema"`
}

// wrapSchema puts a schema into {"openAPIV3Schema": …} and leaves every byte of it as it is.
func wrapSchema(schema runtime.RawExtension) (runtime.RawExtension, error) {
	if !json.Valid(schema.Raw) {
		return runtime.RawExtension{}, errors.New("the schema is not JSON")
	}
	return runtime.RawExtension{Raw: slices.Concat([]byte(`{"openAPIV3Schema":`), schema.Raw, []byte(`}`))}, nil
}

// unwrapSchema takes the schema out of {"openAPIV3Schema": …}, or gives it back when it is bare.
func unwrapSchema(schema runtime.RawExtension) (runtime.RawExtension, error) {
	var wrapper openAPISchemaWrapper
	if err := json.Unmarshal(schema.Raw, &wrapper); err != nil {
		return runtime.RawExtension{}, fmt.Errorf("reading the schema: %w", err)
	}
	if wrapper.OpenAPIV3Schema == nil {
		return schema, nil
	}
	return runtime.RawExtension{Raw: wrapper.OpenAPIV3Schema}, nil
}
