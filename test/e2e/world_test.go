// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// there is where the copies of a consumer namespace are.
func there(namespace string) string { return world.place.There(namespace) }

// bindingHas waits for a condition of a binding.
func bindingHas(t *testing.T, name, conditionType string, status metav1.ConditionStatus, reason string) *kubebindv1alpha2.APIServiceBinding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	b, err := world.WaitBinding(ctx, name, conditionType, status, reason)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// choices are the terms of a table that the provider can be had on: see pair.Kind.Allows.
func choices(table map[string]pair.Terms) map[string]pair.Terms {
	out := map[string]pair.Terms{}
	for name, terms := range table {
		if world.Kind().Allows(terms) {
			out[name] = terms
		}
	}
	return out
}

// arguments are the backend's for terms.
func arguments(terms pair.Terms) []string {
	return []string{"--isolation=" + strings.ToLower(string(terms.Isolation)), "--consumer-scope=" + strings.ToLower(string(terms.Scope))}
}

// scopes are the informer scopes that the provider can have, with isolation Prefixed where there is a choice.
func scopes() map[string]string {
	if world.place.Own {
		return map[string]string{"cluster scope": "cluster"}
	}
	return map[string]string{"namespaced scope": "namespaced", "cluster scope": "cluster"}
}
