// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Key is the namespace and name of an object. The namespace of cluster-scoped objects is empty.
type Key = types.NamespacedName

// Mapping carries keys from the consumer to the provider and back. For every consumer key c that ToProvider accepts,
// ToConsumer(ToProvider(c)) is c; for every provider key p that ToConsumer accepts, ToProvider(ToConsumer(p)) is p.
// Mappings are values without state of their own, and may be used by many at once.
type Mapping interface {
	// ToProvider returns the place of a consumer's object on the provider. It fails with a NameTooLongError, a
	// ScopeError, or a NotMappedError.
	ToProvider(consumer Key) (Key, error)
	// ToConsumer returns the consumer's object that a provider's object would stand for, and false if it lies where
	// no object of this consumer can lie.
	ToConsumer(provider Key) (Key, bool)
}

var (
	_ Mapping = prefixed{}
	_ Mapping = namespaced{}
	_ Mapping = none{}
	_ Mapping = serviceNamespaced{}
)

// Prefixed maps cluster-scoped objects to cluster-scoped objects: name to "<contractNamespace>-name".
func Prefixed(contractNamespace string) Mapping {
	return prefixed{prefix: contractNamespace + separator}
}

type prefixed struct{ prefix string }

func (m prefixed) ToProvider(consumer Key) (Key, error) {
	if err := requireClusterScoped(consumer); err != nil {
		return Key{}, err
	}
	name := m.prefix + consumer.Name
	if err := checkName(consumer.Name, name); err != nil {
		return Key{}, err
	}
	return Key{Name: name}, nil
}

func (m prefixed) ToConsumer(provider Key) (Key, bool) {
	name, ok := strings.CutPrefix(provider.Name, m.prefix)
	if !ok || name == "" || provider.Namespace != "" || len(provider.Name) > maxNameLength {
		return Key{}, false
	}
	return Key{Name: name}, true
}

// Namespaced maps objects that are cluster-scoped in the consumer to objects of the same name in the contract
// namespace.
func Namespaced(contractNamespace string) Mapping { return namespaced{namespace: contractNamespace} }

type namespaced struct{ namespace string }

func (m namespaced) ToProvider(consumer Key) (Key, error) {
	if err := requireClusterScoped(consumer); err != nil {
		return Key{}, err
	}
	if err := checkName(consumer.Name, consumer.Name); err != nil {
		return Key{}, err
	}
	return Key{Namespace: m.namespace, Name: consumer.Name}, nil
}

func (m namespaced) ToConsumer(provider Key) (Key, bool) {
	if provider.Namespace != m.namespace || provider.Name == "" || len(provider.Name) > maxNameLength {
		return Key{}, false
	}
	return Key{Name: provider.Name}, true
}

// None maps cluster-scoped objects to objects of the same name. With it nothing keeps two consumers apart.
func None() Mapping { return none{} }

type none struct{}

func (none) ToProvider(consumer Key) (Key, error) {
	if err := requireClusterScoped(consumer); err != nil {
		return Key{}, err
	}
	if err := checkName(consumer.Name, consumer.Name); err != nil {
		return Key{}, err
	}
	return consumer, nil
}

func (none) ToConsumer(provider Key) (Key, bool) {
	if provider.Namespace != "" || provider.Name == "" || len(provider.Name) > maxNameLength {
		return Key{}, false
	}
	return provider, true
}

// Lookup finds the namespace of the other side, and says whether there is one.
type Lookup func(namespace string) (string, bool)

// ServiceNamespaced maps namespaced objects to objects of the same name in the namespace that stands for theirs. The
// two lookups read one table: the namespaces of the APIServiceNamespaces, which the provider decides. Where the lookups
// do not agree about a pair of namespaces, nothing maps between the two: another consumer namespace has the same target.
func ServiceNamespaced(toProvider, toConsumer Lookup) Mapping {
	return serviceNamespaced{toProvider: toProvider, toConsumer: toConsumer}
}

type serviceNamespaced struct{ toProvider, toConsumer Lookup }

func (m serviceNamespaced) ToProvider(consumer Key) (Key, error) {
	if consumer.Namespace == "" {
		return Key{}, &ScopeError{Key: consumer, WantNamespace: true}
	}
	if err := checkName(consumer.Name, consumer.Name); err != nil {
		return Key{}, err
	}
	namespace, ok := m.toProvider(consumer.Namespace)
	if !ok || namespace == "" {
		return Key{}, &NotMappedError{Namespace: consumer.Namespace}
	}
	if back, ok := m.toConsumer(namespace); !ok || back != consumer.Namespace {
		return Key{}, &NotMappedError{Namespace: consumer.Namespace}
	}
	return Key{Namespace: namespace, Name: consumer.Name}, nil
}

func (m serviceNamespaced) ToConsumer(provider Key) (Key, bool) {
	if provider.Namespace == "" || provider.Name == "" || len(provider.Name) > maxNameLength {
		return Key{}, false
	}
	namespace, ok := m.toConsumer(provider.Namespace)
	if !ok || namespace == "" {
		return Key{}, false
	}
	if back, ok := m.toProvider(namespace); !ok || back != provider.Namespace {
		return Key{}, false
	}
	return Key{Namespace: namespace, Name: provider.Name}, true
}

func requireClusterScoped(consumer Key) error {
	if consumer.Namespace != "" {
		return &ScopeError{Key: consumer}
	}
	return nil
}
