// SPDX-License-Identifier: Apache-2.0

package boundschema

import (
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// ToCRD returns the CRD that a consumer installs for a BoundSchema: name, the approval of a protected group, and spec,
// with the API server's defaults filled in. Marks of ownership are the caller's. It fails with a RefusedError when the
// BoundSchema is not one that FromCRD could have made, whoever made it.
func ToCRD(bound *kubebindv1alpha2.BoundSchema) (*apiextensionsv1.CustomResourceDefinition, error) {
	bound = bound.DeepCopy()
	refuse := refusal{resource: bound.Spec.Names.Plural + "." + bound.Spec.Group}
	if err := check(bound, refuse); err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{
		TypeMeta: metav1.TypeMeta{
			APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition",
		},
		ObjectMeta: metav1.ObjectMeta{Name: refuse.resource},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: bound.Spec.Group, Names: bound.Spec.Names, Scope: bound.Spec.Scope,
		},
	}
	if approval := bound.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; approval != "" {
		crd.Annotations = map[string]string{apiextensionsv1.KubeAPIApprovedAnnotation: approval}
	}
	for _, v := range bound.Spec.Versions {
		schema, err := decodeSchema(v.Schema.Raw)
		if err != nil {
			return nil, refuse.invalid("the schema of version %s is not valid: %v", v.Name, err)
		}
		crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage,
			Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
			Schema: schema, Subresources: v.Subresources,
			AdditionalPrinterColumns: v.AdditionalPrinterColumns, SelectableFields: v.SelectableFields,
		})
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	return crd, nil
}

// decodeSchema reads {"openAPIV3Schema": …}, which CRDs have, or the bare schema, which kcp's APIResourceSchemas have.
func decodeSchema(raw []byte) (*apiextensionsv1.CustomResourceValidation, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	if wrapped, ok := fields["openAPIV3Schema"]; ok {
		raw = wrapped
	}
	schema := &apiextensionsv1.JSONSchemaProps{}
	if err := json.Unmarshal(raw, schema); err != nil {
		return nil, err
	}
	if schema.Type == "" {
		return nil, fmt.Errorf("it has no type; it must be an object")
	}
	return &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: schema}, nil
}
