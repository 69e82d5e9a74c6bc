// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"strings"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
)

const contract = "kube-bind-2nxbqu1iqlsl"

func table(pairs map[string]string) mapping.Mapping {
	back := map[string]string{}
	for consumer, provider := range pairs {
		if have, taken := back[provider]; !taken || consumer < have {
			back[provider] = consumer
		}
	}
	return mapping.ServiceNamespaced(
		func(ns string) (string, bool) { p, ok := pairs[ns]; return p, ok },
		func(ns string) (string, bool) { c, ok := back[ns]; return c, ok },
	)
}

func TestToProvider(t *testing.T) {
	long := strings.Repeat("x", 253)
	namespaces := table(map[string]string{"default": contract + "-default", "a": "same", "b": "same", "broken": ""})
	for _, tc := range []struct {
		name     string
		mapping  mapping.Mapping
		consumer mapping.Key
		want     mapping.Key
		err      any
	}{
		{"prefixed", mapping.Prefixed(contract), mapping.Key{Name: "jo"}, mapping.Key{Name: contract + "-jo"}, nil},
		{"prefixed, too long", mapping.Prefixed(contract), mapping.Key{Name: long}, mapping.Key{}, new(*mapping.NameTooLongError)},
		{"prefixed, just right", mapping.Prefixed(contract), mapping.Key{Name: long[:230]}, mapping.Key{Name: contract + "-" + long[:230]}, nil},
		{"prefixed, namespaced key", mapping.Prefixed(contract), mapping.Key{Namespace: "n", Name: "jo"}, mapping.Key{}, new(*mapping.ScopeError)},
		{"namespaced", mapping.Namespaced(contract), mapping.Key{Name: "jo"}, mapping.Key{Namespace: contract, Name: "jo"}, nil},
		{"namespaced, namespaced key", mapping.Namespaced(contract), mapping.Key{Namespace: "n", Name: "jo"}, mapping.Key{}, new(*mapping.ScopeError)},
		{"none", mapping.None(), mapping.Key{Name: "jo"}, mapping.Key{Name: "jo"}, nil},
		{"none, namespaced key", mapping.None(), mapping.Key{Namespace: "n", Name: "jo"}, mapping.Key{}, new(*mapping.ScopeError)},
		{"none, longest name", mapping.None(), mapping.Key{Name: long}, mapping.Key{Name: long}, nil},
		{"service namespace", namespaces, mapping.Key{Namespace: "default", Name: "jo"}, mapping.Key{Namespace: contract + "-default", Name: "jo"}, nil},
		{"service namespace, no namespace", namespaces, mapping.Key{Name: "jo"}, mapping.Key{}, new(*mapping.ScopeError)},
		{"service namespace, not there yet", namespaces, mapping.Key{Namespace: "new", Name: "jo"}, mapping.Key{}, new(*mapping.NotMappedError)},
		{"service namespace, empty target", namespaces, mapping.Key{Namespace: "broken", Name: "jo"}, mapping.Key{}, new(*mapping.NotMappedError)},
		{"service namespace, first of two with one target", namespaces, mapping.Key{Namespace: "a", Name: "jo"}, mapping.Key{Namespace: "same", Name: "jo"}, nil},
		{"service namespace, second of two with one target", namespaces, mapping.Key{Namespace: "b", Name: "jo"}, mapping.Key{}, new(*mapping.NotMappedError)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.mapping.ToProvider(tc.consumer)
			if (err != nil) != (tc.err != nil) || err != nil && !errors.As(err, tc.err) {
				t.Fatalf("error %v, want %T", err, tc.err)
			}
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestNoNameNoPlace(t *testing.T) {
	for name, m := range map[string]mapping.Mapping{
		"prefixed": mapping.Prefixed(contract), "namespaced": mapping.Namespaced(contract), "none": mapping.None(),
	} {
		if got, err := m.ToProvider(mapping.Key{}); err == nil {
			t.Errorf("%s: an empty key maps to %v", name, got)
		}
	}
}

func TestToConsumer(t *testing.T) {
	namespaces := table(map[string]string{"default": contract + "-default", "a": "same", "b": "same"})
	for _, tc := range []struct {
		name     string
		mapping  mapping.Mapping
		provider mapping.Key
		want     mapping.Key
		ok       bool
	}{
		{"prefixed", mapping.Prefixed(contract), mapping.Key{Name: contract + "-jo"}, mapping.Key{Name: "jo"}, true},
		{"prefixed, the prefix alone", mapping.Prefixed(contract), mapping.Key{Name: contract + "-"}, mapping.Key{}, false},
		{"prefixed, the provider's own", mapping.Prefixed(contract), mapping.Key{Name: "jo"}, mapping.Key{}, false},
		{"prefixed, another's", mapping.Prefixed(contract), mapping.Key{Name: contract + "x-jo"}, mapping.Key{}, false},
		{"prefixed, in a namespace", mapping.Prefixed(contract), mapping.Key{Namespace: "n", Name: contract + "-jo"}, mapping.Key{}, false},
		{"namespaced", mapping.Namespaced(contract), mapping.Key{Namespace: contract, Name: "jo"}, mapping.Key{Name: "jo"}, true},
		{"namespaced, elsewhere", mapping.Namespaced(contract), mapping.Key{Namespace: "other", Name: "jo"}, mapping.Key{}, false},
		{"namespaced, cluster-scoped", mapping.Namespaced(contract), mapping.Key{Name: "jo"}, mapping.Key{}, false},
		{"none", mapping.None(), mapping.Key{Name: "jo"}, mapping.Key{Name: "jo"}, true},
		{"none, in a namespace", mapping.None(), mapping.Key{Namespace: "n", Name: "jo"}, mapping.Key{}, false},
		{"service namespace", namespaces, mapping.Key{Namespace: contract + "-default", Name: "jo"}, mapping.Key{Namespace: "default", Name: "jo"}, true},
		{"service namespace, unknown", namespaces, mapping.Key{Namespace: "kube-system", Name: "jo"}, mapping.Key{}, false},
		{"service namespace, cluster-scoped", namespaces, mapping.Key{Name: "jo"}, mapping.Key{}, false},
		{"service namespace, target of two", namespaces, mapping.Key{Namespace: "same", Name: "jo"}, mapping.Key{Namespace: "a", Name: "jo"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := tc.mapping.ToConsumer(tc.provider)
			if got != tc.want || ok != tc.ok {
				t.Errorf("got %v, %v, want %v, %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestServiceNamespaceName(t *testing.T) {
	long := strings.Repeat("n", 63)
	for _, tc := range []struct {
		name      string
		namespace string
		isolation kubebindv1alpha2.Isolation
		want      string
		tooLong   bool
	}{
		{"prefixed", "default", kubebindv1alpha2.IsolationPrefixed, contract + "-default", false},
		{"namespaced", "default", kubebindv1alpha2.IsolationNamespaced, contract + "-default", false},
		{"none", "default", kubebindv1alpha2.IsolationNone, "default", false},
		{"prefixed, 40 characters", long[:40], kubebindv1alpha2.IsolationPrefixed, contract + "-" + long[:40], false},
		{"prefixed, 41 characters", long[:41], kubebindv1alpha2.IsolationPrefixed, "", true},
		{"none, 63 characters", long, kubebindv1alpha2.IsolationNone, long, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := mapping.ServiceNamespaceName(contract, tc.namespace, tc.isolation)
			var tooLong *mapping.NameTooLongError
			if got != tc.want || errors.As(err, &tooLong) != tc.tooLong {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
	if _, err := mapping.ServiceNamespaceName(contract, "", kubebindv1alpha2.IsolationPrefixed); err == nil {
		t.Error("a namespace without a name has a place")
	}
}

func TestNameTooLongSaysHowMuchIsLeft(t *testing.T) {
	_, err := mapping.ServiceNamespaceName(contract, strings.Repeat("n", 50), kubebindv1alpha2.IsolationPrefixed)
	if err == nil || !strings.Contains(err.Error(), "at most 40 are left") {
		t.Errorf("the message does not say how long the name may be: %v", err)
	}
}

func TestContractNamespaceName(t *testing.T) {
	// This pair was seen with upstream's backend: consumers that were bound by it must find their place again.
	if got := mapping.ContractNamespaceName("kube-bind-", "id-one"); got != contract {
		t.Errorf("got %q, want %q", got, contract)
	}
}
