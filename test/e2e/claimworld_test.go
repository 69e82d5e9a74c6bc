// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// ranches are an API whose objects refer to Secrets.
const ranches = "ranches.wildwest.dev"

const ranchCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ranches.wildwest.dev, labels: {kube-bind.io/exported: "true"}}
spec:
  group: wildwest.dev
  scope: Namespaced
  names: {plural: ranches, singular: ranch, kind: Ranch, listKind: RanchList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`

const ranchTemplate = `
apiVersion: kube-bind.io/v1alpha2
kind: APIServiceExportTemplate
metadata: {name: ranches.wildwest.dev}
spec:
  scope: Namespaced
  resources: [{group: wildwest.dev, resource: ranches}]
  permissionClaims:
  - group: ""
    resource: secrets
    selector:
      labelSelector: {matchLabels: {app: ranch}}
      references:
      - {group: wildwest.dev, resource: ranches, jsonPath: {name: spec.secretRef.name, namespace: spec.secretRef.namespace}}
      - {group: wildwest.dev, resource: ranches, jsonPath: {name: "spec.keys.#.name", namespace: "spec.keys.#.namespace"}}
  - group: ""
    resource: configmaps
    selector:
      namedResources: [{name: ranch-config}, {name: only-in-team, namespace: team}]
  - group: wildwest.dev
    resource: ranches
    selector:
      labelSelector: {matchLabels: {app: ranch}}
  - group: ""
    resource: serviceaccounts
    selector:
      labelSelector: {matchLabels: {app: ranch}}
`

// offerRanches offers the API and its claims.
func offerRanches(t *testing.T, p *pair.Pair) {
	t.Helper()
	expect.Create(t, p.Provider, parsed(t, ranchCRD))
	expect.Create(t, p.Provider, parsed(t, ranchTemplate))
}

func ranch(namespace, name string, modifiers ...expect.Modifier) *unstructured.Unstructured {
	o := expect.Cowboy(namespace, name, modifiers...)
	o.SetAPIVersion("wildwest.dev/v1")
	o.SetKind("Ranch")
	return o
}

// core is an object of a claimable kind, with a piece of content.
func core(kind, namespace, name, content string, labels ...string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": kind,
		"metadata": map[string]any{"namespace": namespace, "name": name},
	}}
	switch kind {
	case "Secret":
		o.Object["stringData"] = map[string]any{"content": content}
	case "ConfigMap":
		o.Object["data"] = map[string]any{"content": content}
	}
	marks := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		marks[labels[i]] = labels[i+1]
	}
	o.SetLabels(marks)
	return o
}

// claimable is a consumer's view of a claim test: two sides and where a namespace of one is on the other.
type claimable struct {
	*pair.Pair
	place *pair.Place
	none  bool // isolation None
}

// there is the provider's namespace of a consumer's.
func (c claimable) there(namespace string) string {
	if c.none {
		return namespace
	}
	return c.place.There(namespace)
}

// up waits until the provider has an object of a consumer namespace with this content, and returns it.
func (c claimable) up(t *testing.T, o *unstructured.Unstructured, content string) *unstructured.Unstructured {
	t.Helper()
	return hasContent(t, c.Provider, at(o, c.there(o.GetNamespace())), content, kubebindv1alpha2.OwnerConsumer)
}

// down waits until the consumer has an object with this content from the provider.
func (c claimable) down(t *testing.T, o *unstructured.Unstructured, content string) *unstructured.Unstructured {
	t.Helper()
	return hasContent(t, c.Consumer, o, content, kubebindv1alpha2.OwnerProvider)
}

// notUp and notDown see for a while that nothing arrives.
func (c claimable) notUp(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	stays(t, c.Provider, at(o, c.there(o.GetNamespace())))
}

// gone waits until the provider has no such object.
func (c claimable) gone(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	expect.Gone(t, c.Provider, at(o, c.there(o.GetNamespace())))
}

func at(o *unstructured.Unstructured, namespace string) *unstructured.Unstructured {
	out := o.DeepCopy()
	out.SetNamespace(namespace)
	return out
}

// stays sees that an object stays away.
func stays(t *testing.T, side *pair.Side, like *unstructured.Unstructured) {
	t.Helper()
	expect.Never(t, like.GetName()+" should not be there", func(ctx context.Context) error {
		if _, err := expect.Get(ctx, side, like); err == nil {
			return fmt.Errorf("there is a %s %s/%s", like.GetKind(), like.GetNamespace(), like.GetName())
		}
		return nil
	})
}

// contentOf reads what core put in.
func contentOf(o *unstructured.Unstructured) string {
	text, _, _ := unstructured.NestedString(o.Object, "data", "content")
	return text
}

func hasContent(t *testing.T, side *pair.Side, like *unstructured.Unstructured, want, owner string) *unstructured.Unstructured {
	t.Helper()
	var found *unstructured.Unstructured
	expect.Eventually(t, fmt.Sprintf("%s %s/%s should be there", like.GetKind(), like.GetNamespace(), like.GetName()), func(ctx context.Context) error {
		o, err := expect.Get(ctx, side, like)
		if err != nil {
			return err
		}
		if got := contentOf(o); got != encoded(like.GetKind(), want) {
			return fmt.Errorf("its content is %q", got)
		}
		if got := o.GetLabels()[kubebindv1alpha2.OwnerLabel]; got != owner {
			return fmt.Errorf("its owner is %q, want %q", got, owner)
		}
		found = o
		return nil
	})
	return found
}
