// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// Schemas reads those CRDs of these resources that carry the label kube-bind.io/exported=true.
func Schemas(ctx context.Context, reader client.Reader, resources []schema.GroupResource) (providers.Schemas, error) {
	out := providers.Schemas{}
	for _, gr := range resources {
		if gr.Group == "" {
			continue
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		err := reader.Get(ctx, client.ObjectKey{Name: gr.String()}, crd)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("reading the CRD %s: %w", gr, err)
		case crd.Labels[kubebindv1alpha2.ExportedLabel] == kubebindv1alpha2.Exported:
			out[gr] = crd
		}
	}
	return out, nil
}

// SchemaOf returns the resource of a CRD. Of its name: one that is not offered any more has lost its content in the cache.
func SchemaOf(crd client.Object) schema.GroupResource {
	return schema.ParseGroupResource(crd.GetName())
}
