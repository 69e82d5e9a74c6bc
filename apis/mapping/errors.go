// SPDX-License-Identifier: Apache-2.0

package mapping

import "fmt"

// NameTooLongError says that a name gets longer on the provider than Kubernetes allows. Its reason in conditions is
// NameTooLong.
type NameTooLongError struct {
	// Name is the name in the consumer.
	Name string
	// Provider is what the name would be on the provider.
	Provider string
	// Max is the number of characters allowed there.
	Max int
}

// Error names both names, and says how many characters are left for the one in the consumer.
func (e *NameTooLongError) Error() string {
	return fmt.Sprintf("the name %q becomes %q on the provider, which has %d characters and may have %d: at most %d are left for it",
		e.Name, e.Provider, len(e.Provider), e.Max, max(0, e.Max-len(e.Provider)+len(e.Name)))
}

// ScopeError says that a key has a namespace where the mapping is for cluster-scoped objects, or none where it is for
// namespaced ones.
type ScopeError struct {
	// Key is the consumer key.
	Key Key
	// WantNamespace says which of the two it is.
	WantNamespace bool
}

// Error names the key and what is wrong with it.
func (e *ScopeError) Error() string {
	if e.WantNamespace {
		return fmt.Sprintf("%q has no namespace, but the resource is namespaced", e.Key.Name)
	}
	return fmt.Sprintf("%q has a namespace, but the resource is cluster-scoped", e.Key.String())
}

// NotMappedError says that a consumer namespace has no namespace on the provider, or not yet.
type NotMappedError struct {
	// Namespace is the consumer namespace.
	Namespace string
}

// Error names the namespace.
func (e *NotMappedError) Error() string {
	return fmt.Sprintf("namespace %q has no namespace on the provider", e.Namespace)
}
