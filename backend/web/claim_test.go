// SPDX-License-Identifier: Apache-2.0

package web

import (
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestClaimInWords(t *testing.T) {
	kinds := map[string]string{"databases.example.org": "Database"}
	for text, want := range map[string]claim{
		`{group: "", resource: secrets, selector: {labelSelector: {matchLabels: {app: x, tier: db}}}}`: {
			What: "Secrets", Which: []string{"with the label app=x and with the label tier=db"}, Owner: ownedByEither,
		},
		`{group: core, resource: configmaps, selector: {labelSelector: {matchExpressions: [
			{key: a, operator: In, values: [x, z]}, {key: b, operator: NotIn, values: [z]}, {key: c, operator: Exists}, {key: d, operator: DoesNotExist}]}}}`: {
			What: "ConfigMaps", Which: []string{"whose label a is x or z and whose label b is not z and that have a label c and that have no label d"}, Owner: ownedByEither,
		},
		`{group: "", resource: serviceaccounts, selector: {namedResources: [{name: robot}, {name: ca, namespace: platform}]}}`: {
			What: "ServiceAccounts", Which: []string{"called robot, in any namespace", "called ca, in the namespace platform"}, Owner: ownedByEither,
		},
		`{group: "", resource: secrets, selector: {references: [
			{group: example.org, resource: databases, jsonPath: {name: spec.passwordRef.name}},
			{group: example.org, resource: users, jsonPath: {name: spec.users.#.secretRef.name, namespace: spec.users.#.secretRef.namespace}}]}}`: {
			What: "Secrets", Which: []string{
				"named in spec.passwordRef.name of your Database objects",
				"named in spec.users[].secretRef.name of your users.example.org, in the namespace that spec.users[].secretRef.namespace says",
			}, Owner: ownedByEither,
		},
		`{group: "", resource: secrets, selector: {}}`:                                            {What: "Secrets", Owner: ownedByEither},
		`{group: "", resource: secrets, selector: {labelSelector: {}}}`:                           {What: "Secrets", Owner: ownedByEither},
		`{group: example.org, resource: databases, selector: {namedResources: [{name: shared}]}}`: {What: "Database objects", Which: []string{"called shared, in any namespace"}, Owner: ownedByProvider},
	} {
		c := kubebindv1alpha2.PermissionClaim{}
		if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if got := claimInWords(c, kinds); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	}
}
