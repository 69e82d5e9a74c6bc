// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

// Exported is the value of ExportedLabel on CRDs that are offered.
const Exported = "true"

// Find reads the CRDs of these resources that are offered. A resource without one is not in the result, and no error.
func Find(ctx context.Context, reader client.Reader, resources []kubebindv1alpha2.ExportedResource) (catalog.Sources, error) {
	out := catalog.Sources{}
	for _, r := range resources {
		gr := r.GroupResource.GroupResource()
		if gr.Group == "" {
			continue
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		err := reader.Get(ctx, client.ObjectKey{Name: gr.String()}, crd)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("reading the CRD %s: %w", gr, err)
		case crd.Labels[kubebindv1alpha2.ExportedLabel] == Exported:
			out[gr] = crd
		}
	}
	return out, nil
}

// Uses tells whether a CRD is that of one of these resources.
func Uses(resources []kubebindv1alpha2.ExportedResource, crd client.Object) bool {
	for _, r := range resources {
		if gr := r.GroupResource.GroupResource(); gr.String() == crd.GetName() {
			return true
		}
	}
	return false
}
