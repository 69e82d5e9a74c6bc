// SPDX-License-Identifier: Apache-2.0

package boundschema

import (
	"encoding/json"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// A BoundSchema of a hostile provider is refused, or makes a CRD for exactly what it says, without webhook and not in a group
// that is Kubernetes' own.
func FuzzToCRD(f *testing.F) {
	good := `{"metadata":{"name":"cows.example.com"},"spec":{"group":"example.com","scope":"Namespaced","informerScope":"Cluster","names":{"plural":"cows","singular":"cow","kind":"Cow","listKind":"CowList"},` +
		`"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`
	for _, seed := range []string{
		good, `{}`, `{"spec":{"versions":[{}]}}`, `{"spec":{"group":"apps","names":{"plural":"deployments"}}}`, `{"spec":{"versions":[{"schema":{"type":"object"}},{"schema":null}]}}`,
		`{"metadata":{"annotations":{"api-approved.kubernetes.io":"x"}},"spec":{"group":"a.k8s.io"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		bound := &kubebindv1alpha2.BoundSchema{}
		if json.Unmarshal(data, bound) != nil {
			return
		}
		before := bound.DeepCopy()
		crd, err := ToCRD(bound)
		if _, hashErr := Hash(bound); hashErr != nil && err == nil {
			t.Errorf("it has no hash: %v", hashErr)
		}
		if err != nil {
			return
		}
		if crd.Name != before.Spec.Names.Plural+"."+before.Spec.Group || crd.Spec.Group != before.Spec.Group || len(crd.Spec.Versions) != len(before.Spec.Versions) {
			t.Errorf("%s becomes %s", before.Spec.Names.Plural, crd.Name)
		}
		if crd.Spec.Conversion != nil && crd.Spec.Conversion.Webhook != nil {
			t.Error("it has a webhook")
		}
		switch crd.Spec.Group {
		case "", "apps", "batch", "rbac.authorization.k8s.io", "apiextensions.k8s.io", "kube-bind.io":
			t.Errorf("the group %q is not a provider's to give", crd.Spec.Group)
		}
	})
}
