// SPDX-License-Identifier: Apache-2.0

package boundschema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Hash returns the hex SHA-256 of all that a consumer's CRD is made of: the spec of a BoundSchema and the approval of
// its group. The order of fields, white space and the way of writing numbers do not matter, so that a BoundSchema read
// back from an API server has the hash that it was written with. It fails when a schema is not JSON.
func Hash(bound *kubebindv1alpha2.BoundSchema) (string, error) {
	canonical, err := canonicalize(map[string]any{
		"spec":     bound.Spec,
		"approval": bound.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation],
	})
	if err != nil {
		return "", fmt.Errorf("hashing the schema of %s: %w", bound.ResourceGroupName(), err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// canonicalize writes a value as JSON with sorted fields: encoding/json sorts the keys of maps.
func canonicalize(value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var generic any
	if err := json.Unmarshal(raw, &generic); err != nil {
		return nil, err
	}
	return json.Marshal(generic)
}

// SameSpec reports whether two CRDs make an API server do the same, whatever wrote them: defaults are filled in, and
// the order of fields and white space within default values do not matter. It fails when one of them cannot be encoded.
func SameSpec(a, b *apiextensionsv1.CustomResourceDefinition) (bool, error) {
	first, err := canonicalSpec(a)
	if err != nil {
		return false, err
	}
	second, err := canonicalSpec(b)
	if err != nil {
		return false, err
	}
	return bytes.Equal(first, second), nil
}

func canonicalSpec(crd *apiextensionsv1.CustomResourceDefinition) ([]byte, error) {
	spec := crd.Spec.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(spec)
	canonical, err := canonicalize(spec)
	if err != nil {
		return nil, fmt.Errorf("encoding CRD %s: %w", crd.Name, err)
	}
	return canonical, nil
}
