// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// ExportToV1alpha2 converts an export into an export and the BoundSchema of its one resource. Namespaced resources,
// which have no isolation in v1alpha1, get Prefixed: that is how v1alpha1 treats them. The conditions go to the export,
// the state of the CRD to the BoundSchema. It fails when a schema is not JSON.
func ExportToV1alpha2(in *APIServiceExport) (*kubebindv1alpha2.APIServiceExport, *kubebindv1alpha2.BoundSchema, error) {
	in = in.DeepCopy()
	versions, err := versionsToV1alpha2(in.Spec.Versions)
	if err != nil {
		return nil, nil, fmt.Errorf("converting APIServiceExport %q: %w", in.Name, err)
	}
	bound := &kubebindv1alpha2.BoundSchema{
		Spec: kubebindv1alpha2.BoundSchemaSpec{
			InformerScope: in.Spec.InformerScope, Group: in.Spec.Group, Names: in.Spec.Names, Scope: in.Spec.Scope,
			Versions: versions,
		},
		Status: kubebindv1alpha2.BoundSchemaStatus{
			AcceptedNames: in.Status.AcceptedNames, StoredVersions: in.Status.StoredVersions,
		},
	}
	bound.SetGroupVersionKind(kubebindv1alpha2.GroupVersion.WithKind("BoundSchema"))
	bound.Name, bound.Namespace = bound.ResourceGroupName(), in.Namespace

	export := &kubebindv1alpha2.APIServiceExport{
		ObjectMeta: in.ObjectMeta,
		Spec: kubebindv1alpha2.APIServiceExportSpec{
			Resources: []kubebindv1alpha2.ExportedResource{{
				GroupResource: kubebindv1alpha2.GroupResource{Group: in.Spec.Group, Resource: in.Spec.Names.Plural},
				Versions:      versionNames(versions),
			}},
			InformerScope: in.Spec.InformerScope,
			Isolation:     kubebindv1alpha2.IsolationPrefixed,
		},
		Status: kubebindv1alpha2.APIServiceExportStatus{Conditions: in.Status.Conditions},
	}
	if in.Spec.ClusterScopedIsolation != "" {
		export.Spec.Isolation = in.Spec.ClusterScopedIsolation
	}
	export.SetGroupVersionKind(kubebindv1alpha2.GroupVersion.WithKind("APIServiceExport"))
	return export, bound, nil
}

// ExportFromV1alpha2 converts one resource of an export, given its BoundSchema, into an export of its own, named
// "<plural>.<group>" as v1alpha1 asks for. It fails with a NotRepresentableError for what v1alpha1 does not know:
// permission claims, conversion webhooks, and another isolation than Prefixed for namespaced resources.
func ExportFromV1alpha2(
	export *kubebindv1alpha2.APIServiceExport, bound *kubebindv1alpha2.BoundSchema,
) (*APIServiceExport, error) {
	if err := checkExport(export, bound); err != nil {
		return nil, err
	}
	export, bound = export.DeepCopy(), bound.DeepCopy()
	versions, err := versionsFromV1alpha2(bound.Spec.Versions)
	if err != nil {
		return nil, fmt.Errorf("converting BoundSchema %q: %w", bound.Name, err)
	}
	out := &APIServiceExport{
		ObjectMeta: metav1.ObjectMeta{
			Name: bound.Spec.Names.Plural + "." + bound.Spec.Group, Namespace: export.Namespace,
			Labels: export.Labels, Annotations: export.Annotations,
		},
		Spec: APIServiceExportSpec{
			Group: bound.Spec.Group, Names: bound.Spec.Names, Scope: bound.Spec.Scope, Versions: versions,
			InformerScope: bound.Spec.InformerScope,
		},
		Status: APIServiceExportStatus{
			AcceptedNames: bound.Status.AcceptedNames, StoredVersions: bound.Status.StoredVersions,
			Conditions: export.Status.Conditions,
		},
	}
	if bound.Spec.Scope == apiextensionsv1.ClusterScoped {
		out.Spec.ClusterScopedIsolation = export.Spec.Isolation
	}
	out.SetGroupVersionKind(GroupVersion.WithKind("APIServiceExport"))
	return out, nil
}

func checkExport(export *kubebindv1alpha2.APIServiceExport, bound *kubebindv1alpha2.BoundSchema) error {
	refuse := func(kind, name, field, reason string) error {
		return &NotRepresentableError{Kind: kind, Name: name, Field: field, Reason: reason}
	}
	switch {
	case len(export.Spec.PermissionClaims) > 0:
		return refuse("APIServiceExport", export.Name, "spec.permissionClaims", "are not known there")
	case bound.Spec.Scope == apiextensionsv1.NamespaceScoped && export.Spec.Isolation != kubebindv1alpha2.IsolationPrefixed:
		return refuse("APIServiceExport", export.Name, "spec.isolation",
			fmt.Sprintf("is %q, which namespaced resources cannot have there", export.Spec.Isolation))
	case bound.Spec.Conversion != nil && bound.Spec.Conversion.Webhook != nil:
		return refuse("BoundSchema", bound.Name, "spec.conversion.webhook", "is not known there")
	}
	for i, v := range bound.Spec.Versions {
		if len(v.SelectableFields) > 0 {
			return refuse("BoundSchema", bound.Name, fmt.Sprintf("spec.versions[%d].selectableFields", i), "are not known there")
		}
	}
	return nil
}

func versionsToV1alpha2(in []APIServiceExportVersion) ([]kubebindv1alpha2.BoundSchemaVersion, error) {
	out := make([]kubebindv1alpha2.BoundSchemaVersion, 0, len(in))
	for _, v := range in {
		schema, err := wrapSchema(v.Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, fmt.Errorf("version %q: %w", v.Name, err)
		}
		out = append(out, kubebindv1alpha2.BoundSchemaVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage,
			Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
			Schema: schema, Subresources: v.Subresources, AdditionalPrinterColumns: v.AdditionalPrinterColumns,
		})
	}
	return out, nil
}

func versionsFromV1alpha2(in []kubebindv1alpha2.BoundSchemaVersion) ([]APIServiceExportVersion, error) {
	out := make([]APIServiceExportVersion, 0, len(in))
	for _, v := range in {
		schema, err := unwrapSchema(v.Schema)
		if err != nil {
			return nil, fmt.Errorf("version %q: %w", v.Name, err)
		}
		out = append(out, APIServiceExportVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage,
			Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
			Schema:       APIServiceExportSchema{OpenAPIV3Schema: schema},
			Subresources: v.Subresources, AdditionalPrinterColumns: v.AdditionalPrinterColumns,
		})
	}
	return out, nil
}

func versionNames(versions []kubebindv1alpha2.BoundSchemaVersion) []string {
	names := make([]string, 0, len(versions))
	for _, v := range versions {
		names = append(names, v.Name)
	}
	return names
}
