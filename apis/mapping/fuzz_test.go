// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"strings"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// What lies on the provider is one consumer's: a key that a mapping accepts comes back as it was, and no key of a neighbour, whose
// contract namespace may begin with the same letters, is taken for the consumer's own.
func FuzzMappings(f *testing.F) {
	for _, seed := range [][3]string{{"kube-bind-a", "ns", "obj"}, {"kube-bind-a", "", "obj"}, {"a", "b-c", "d"}, {"a-b", "c", "d"}, {"a", "", "b-c"}, {"", "", ""}, {"a", "ns", strings.Repeat("x", 300)}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, contract, namespace, name string) {
		key := Key{Namespace: namespace, Name: name}
		for kind, m := range map[string]Mapping{"Prefixed": Prefixed(contract), "Namespaced": Namespaced(contract), "None": None()} {
			if there, err := m.ToProvider(key); err == nil {
				if back, ok := m.ToConsumer(there); !ok || back != key {
					t.Errorf("%s: %q becomes %q, and comes back as %q (%t)", kind, key, there, back, ok)
				}
				if len(there.Name) > maxNameLength {
					t.Errorf("%s: %q becomes %q, which is too long", kind, key, there)
				}
			}
			if here, ok := m.ToConsumer(key); ok {
				if again, err := m.ToProvider(here); err != nil || again != key {
					t.Errorf("%s: %q stands for %q, which lies at %q (%v)", kind, key, here, again, err)
				}
			}
		}
		for _, isolation := range []kubebindv1alpha2.Isolation{kubebindv1alpha2.IsolationNone, kubebindv1alpha2.IsolationPrefixed} {
			there, err := ServiceNamespaceName(contract, namespace, isolation)
			if err == nil && (len(there) > maxNamespaceLength || !strings.HasSuffix(there, namespace) || namespace == "") {
				t.Errorf("%s: the namespace %q of %q is %q", isolation, namespace, contract, there)
			}
		}
	})
}
