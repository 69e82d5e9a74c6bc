// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Apply does what a Step says and returns the CRD as it is afterwards, or nil if there is none of ours.
func Apply(ctx context.Context, c client.Client, step Step) (*apiextensionsv1.CustomResourceDefinition, error) {
	manager := client.FieldOwner(kubebindv1alpha2.FieldManager)
	switch step.Verdict {
	case Create:
		if err := c.Create(ctx, step.CRD, manager); err != nil {
			return nil, fmt.Errorf("creating CustomResourceDefinition %s: %w", step.CRD.Name, err)
		}
	case Update:
		if err := c.Update(ctx, step.CRD, manager); err != nil {
			return nil, fmt.Errorf("updating CustomResourceDefinition %s: %w", step.CRD.Name, err)
		}
	case InSync, Foreign, Terminating, Invalid:
	}
	return step.CRD, nil
}

// Established says whether the API server serves the CRD's API.
func Established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established {
			return c.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

// SyncedVersion is the version that objects are synced in: the storage version if it is served, since nothing needs
// conversion then, or else the first that is.
func SyncedVersion(crd *apiextensionsv1.CustomResourceDefinition) (apiextensionsv1.CustomResourceDefinitionVersion, bool) {
	var found apiextensionsv1.CustomResourceDefinitionVersion
	ok := false
	for _, v := range crd.Spec.Versions {
		if v.Served && (v.Storage || !ok) {
			found, ok = v, true
			if v.Storage {
				break
			}
		}
	}
	return found, ok
}
