// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"kube-bind.io/kube-bind/apis/mapping"
)

const generated = 150_000

// generator makes keys that are likely to collide: few letters, many dashes, and pieces of contract namespaces.
type generator struct {
	*rand.Rand
	pieces []string
}

func (g generator) name() string {
	name := ""
	for range 1 + g.IntN(4) {
		name += g.pieces[g.IntN(len(g.pieces))]
	}
	return name
}

func newGenerator(seed uint64, contracts ...string) generator {
	pieces := append([]string{"a", "b", "-", "--", ".", "kube-bind-", "default", "x-y"}, contracts...)
	return generator{Rand: rand.New(rand.NewPCG(seed, seed)), pieces: pieces}
}

func TestMappingsAreExactInverses(t *testing.T) {
	one := mapping.ContractNamespaceName("kube-bind-", "one")
	g := newGenerator(1, one)
	namespaces := map[string]string{}
	for range 50 {
		ns := g.name()
		namespaces[ns] = one + "-" + ns
	}
	for name, tc := range map[string]struct {
		mapping    mapping.Mapping
		namespaced bool
	}{
		"prefixed":          {mapping: mapping.Prefixed(one)},
		"namespaced":        {mapping: mapping.Namespaced(one)},
		"none":              {mapping: mapping.None()},
		"service namespace": {mapping: table(namespaces), namespaced: true},
		"two with one target": {
			mapping: table(map[string]string{"a": "t", "b": "t", "default": "u"}), namespaced: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGenerator(2, one)
			forth, back := 0, 0
			for range generated {
				key := mapping.Key{Name: g.name()}
				if tc.namespaced || g.IntN(10) == 0 {
					key.Namespace = g.name()
				}
				forth += checkForth(t, tc.mapping, key)
				back += checkBack(t, tc.mapping, providerKey(g, key, one))
			}
			if forth < generated/100 || back < generated/100 {
				t.Errorf("only %d keys went forth and %d back: the test shows nothing", forth, back)
			}
		})
	}
}

// providerKey makes of a key one that has a chance to be some consumer's.
func providerKey(g generator, key mapping.Key, contract string) mapping.Key {
	switch g.IntN(5) {
	case 0:
		key.Name = contract + "-" + key.Name
	case 1:
		key.Namespace = contract
	case 2:
		key.Namespace = contract + "-" + key.Namespace
	case 3:
		key.Namespace = []string{"t", "u"}[g.IntN(2)]
	}
	return key
}

func checkForth(t *testing.T, m mapping.Mapping, consumer mapping.Key) int {
	t.Helper()
	provider, err := m.ToProvider(consumer)
	if err != nil {
		return 0
	}
	if got, ok := m.ToConsumer(provider); !ok || got != consumer {
		t.Fatalf("%v goes to %v and comes back as %v, %v", consumer, provider, got, ok)
	}
	return 1
}

func checkBack(t *testing.T, m mapping.Mapping, provider mapping.Key) int {
	t.Helper()
	consumer, ok := m.ToConsumer(provider)
	if !ok {
		return 0
	}
	if got, err := m.ToProvider(consumer); err != nil || got != provider {
		t.Fatalf("%v comes from %v, which goes to %v, %v", provider, consumer, got, err)
	}
	return 1
}

func TestTwoConsumersNeverMeet(t *testing.T) {
	identities := []string{"one", "two", "three", "a1", "b2", "", "one-", "one-two"}
	for name, isolate := range map[string]func(string) mapping.Mapping{
		"prefixed": mapping.Prefixed, "namespaced": mapping.Namespaced,
	} {
		t.Run(name, func(t *testing.T) {
			var contracts []string
			for _, identity := range identities {
				contracts = append(contracts, mapping.ContractNamespaceName("kube-bind-", identity))
			}
			g := newGenerator(3, contracts...)
			owner := map[mapping.Key]int{}
			for range generated {
				who := g.IntN(len(contracts))
				provider, err := isolate(contracts[who]).ToProvider(mapping.Key{Name: g.name()})
				var tooLong *mapping.NameTooLongError
				if errors.As(err, &tooLong) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if other, taken := owner[provider]; taken && other != who {
					t.Fatalf("%v belongs to both %s and %s", provider, contracts[other], contracts[who])
				}
				owner[provider] = who
			}
			if len(owner) < 1000 {
				t.Errorf("only %d different keys: the test shows nothing", len(owner))
			}
		})
	}
}
