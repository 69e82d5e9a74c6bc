// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// hashLength is how many digits of its content's hash are in a schema's name.
const hashLength = 12

// Schema returns the APIResourceSchema of a CRD. Schemas cannot be changed, so that the name of one is a hash of its content:
// v<hash>.<plural>.<group>. Equal CRDs give equal schemas.
func Schema(crd *apiextensionsv1.CustomResourceDefinition) (*apisv1alpha1.APIResourceSchema, error) {
	crd = crd.DeepCopy()
	if crd.Spec.Conversion == nil {
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
	}
	out, err := apisv1alpha1.CRDToAPIResourceSchema(crd, "v0")
	if err != nil {
		return nil, fmt.Errorf("converting the CRD %s: %w", crd.Name, err)
	}
	if len(out.Spec.Versions) == 1 {
		out.Spec.Conversion = nil
	}
	raw, err := json.Marshal(out.Spec)
	if err != nil {
		return nil, fmt.Errorf("encoding the schema of %s: %w", crd.Name, err)
	}
	sum := sha256.Sum256(raw)
	out.Name = "v" + hex.EncodeToString(sum[:])[:hashLength] + "." + crd.Name
	return out, nil
}

// Resource returns how an APIExport names a schema.
func Resource(schema *apisv1alpha1.APIResourceSchema) apisv1alpha2.ResourceSchema {
	return apisv1alpha2.ResourceSchema{
		Name: schema.Spec.Names.Plural, Group: schema.Spec.Group, Schema: schema.Name,
		Storage: apisv1alpha2.ResourceSchemaStorage{CRD: &apisv1alpha2.ResourceSchemaStorageCRD{}},
	}
}
