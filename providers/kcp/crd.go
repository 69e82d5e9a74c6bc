// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"encoding/json"
	"fmt"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// CRDOf returns the CRD that an APIResourceSchema is the content of. Its conversion is left out: with kcp it is the
// APIExport's, or a webhook that consumers never get.
func CRDOf(s *apisv1alpha1.APIResourceSchema) (*apiextensionsv1.CustomResourceDefinition, error) {
	out := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name:   s.Spec.Names.Plural + "." + s.Spec.Group,
			Labels: map[string]string{kubebindv1alpha2.ExportedLabel: kubebindv1alpha2.Exported},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: s.Spec.Group, Names: s.Spec.Names, Scope: s.Spec.Scope,
			Conversion: &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter},
		},
	}
	if approval := s.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; approval != "" {
		out.Annotations = map[string]string{apiextensionsv1.KubeAPIApprovedAnnotation: approval}
	}
	if s.Spec.Conversion != nil && s.Spec.Conversion.Strategy == apisv1alpha1.ConversionStrategyType(apiextensionsv1.WebhookConverter) {
		out.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter}
	}
	for i := range s.Spec.Versions {
		version, err := crdVersion(&s.Spec.Versions[i])
		if err != nil {
			return nil, fmt.Errorf("the APIResourceSchema %s: %w", s.Name, err)
		}
		out.Spec.Versions = append(out.Spec.Versions, *version)
	}
	return out, nil
}

func crdVersion(v *apisv1alpha1.APIResourceVersion) (*apiextensionsv1.CustomResourceDefinitionVersion, error) {
	properties := &apiextensionsv1.JSONSchemaProps{}
	if err := json.Unmarshal(v.Schema.Raw, properties); err != nil {
		return nil, fmt.Errorf("its version %s has no schema that can be read: %w", v.Name, err)
	}
	out := &apiextensionsv1.CustomResourceDefinitionVersion{
		Name: v.Name, Served: v.Served, Storage: v.Storage, Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
		Schema:                   &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: properties},
		AdditionalPrinterColumns: v.AdditionalPrinterColumns,
	}
	if v.Subresources != (apiextensionsv1.CustomResourceSubresources{}) {
		out.Subresources = ptr.To(v.Subresources)
	}
	return out, nil
}
