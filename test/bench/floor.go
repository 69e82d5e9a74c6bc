// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/test/pair"
)

// floorGroup is the group of a twin of the example API in the consumer, that no konnector syncs.
const floorGroup = "floor.wildwest.dev"

// installFloor makes the twin of the bound CRD.
func installFloor(ctx context.Context, p *pair.Pair) error {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := p.Consumer.Client.Get(ctx, client.ObjectKey{Name: resource.GroupResource().String()}, crd); err != nil {
		return err
	}
	twin := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: resource.Resource + "." + floorGroup},
		Spec:       crd.Spec,
	}
	twin.Spec.Group = floorGroup
	return crds.Install(ctx, p.Consumer.Client, []*apiextensionsv1.CustomResourceDefinition{twin})
}

func floorObject(name string) *unstructured.Unstructured {
	o := object(floorConsumerNamespace, name, 0)
	o.SetAPIVersion(floorGroup + "/" + resource.Version)
	return o
}
