// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"fmt"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// A request becomes a place, an export and a namespace, and the consumer can write objects there with what it was given.
func TestBinding(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a)
	c := bind(t, newNamespace(t, "-requests"), "mangos", "consumer-1", template.Name)

	export := get(t, c.Client, c.namespace, "mangos", &kubebindv1alpha2.APIServiceExport{})
	if !kubebindv1alpha2.IsTrue(export.Status.Conditions, kubebindv1alpha2.ConditionProviderInSync) {
		t.Errorf("the export is not in sync: %+v", export.Status)
	}
	schema := get(t, c.Client, c.namespace, "mangos."+a.Group, &kubebindv1alpha2.BoundSchema{})
	if len(schema.OwnerReferences) != 1 || schema.OwnerReferences[0].UID != export.UID {
		t.Errorf("the BoundSchema has owners %+v", schema.OwnerReferences)
	}
	ns := c.serviceNamespace(t, "default")
	if want := c.namespace + "-default"; ns != want {
		t.Errorf("the namespace is %q, want %q", ns, want)
	}
	create(t, c.Client, a.object(ns, "alphonso"))
	// Whenever a namespace is told to the consumer, the rights in it are there.
	for i := range 10 {
		create(t, c.Client, a.object(c.serviceNamespace(t, fmt.Sprintf("ns%d", i)), "alphonso"))
	}
}
