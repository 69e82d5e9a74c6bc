// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/test/pair"
)

// floorGroup is the group of a twin of the example API in the consumer, that no konnector syncs.
const floorGroup = "floor.wildwest.dev"

// floorAt is where the floor's copies are, which the konnector does not watch: a namespace beside the place, or, if the konnector watches
// the whole workspace, the workspace of another consumer.
func floorAt(ctx context.Context, p *pair.Pair, place *pair.Place) (dynamic.ResourceInterface, error) {
	if place.Own {
		var err error
		if place, err = p.Request(ctx, "floor", "cowboys", "floor"); err != nil {
			return nil, err
		}
	}
	client, err := at(p, place)
	if err != nil {
		return nil, err
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": floorProviderNamespace},
	}}
	if _, err := client.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("making the floor's namespace: %w", err)
	}
	return client.Resource(resource).Namespace(floorProviderNamespace), nil
}

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
