// SPDX-License-Identifier: Apache-2.0

package namespaces

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// Reasons of refused targets, beside those of the provider.
const (
	// ReasonNamespaceTerminating says that the consumer namespace is going and never had a place on the provider.
	ReasonNamespaceTerminating = "NamespaceTerminating"
	// ReasonExportGone says that the provider does not offer the API any more.
	ReasonExportGone = "ExportGone"
)

// Namespaced are the targets of an API that is namespaced on both sides: each consumer namespace has one on the
// provider.
type Namespaced struct {
	// Map knows the provider namespaces.
	Map *Map
	// Isolation is the export's. It says what the names on the provider will be.
	Isolation kubebindv1alpha2.Isolation
	// ClusterWide says that the provider lets us watch all namespaces at once.
	ClusterWide bool
}

// Target says where an object of that key goes, and asks for its namespace if need be.
func (n *Namespaced) Target(key types.NamespacedName) plan.Target {
	if _, err := mapping.ServiceNamespaceName(n.Map.ContractNamespace, key.Namespace, n.Isolation); err != nil {
		return refused(kubebindv1alpha2.ReasonNameTooLong, err.Error())
	}
	return n.Map.target(key)
}

func (m *Map) target(key types.NamespacedName) plan.Target {
	m.mu.RLock()
	have, consumer := m.byConsumer[key.Namespace], m.consumers[key.Namespace]
	mine := have != nil && m.byProvider[have.Status.Namespace] == key.Namespace
	m.mu.RUnlock()
	switch {
	case mine:
		return plan.Target{State: plan.Ready, Key: types.NamespacedName{Namespace: have.Status.Namespace, Name: key.Name}}
	case have != nil:
		return pendingOrRefused(have)
	case consumer == terminating:
		return refused(ReasonNamespaceTerminating, fmt.Sprintf("Namespace %s is being deleted.", key.Namespace))
	}
	m.want(key.Namespace)
	return plan.Target{State: plan.Pending}
}

// Known is like Target, but asks for nothing: what was never asked for is pending.
func (n *Namespaced) Known(key types.NamespacedName) plan.Target {
	n.Map.mu.RLock()
	have := n.Map.byConsumer[key.Namespace]
	n.Map.mu.RUnlock()
	if have == nil {
		return plan.Target{State: plan.Pending}
	}
	return n.Map.target(key)
}

// pendingOrRefused reads the provider's answer about a namespace that is not there yet.
func pendingOrRefused(n *kubebindv1alpha2.APIServiceNamespace) plan.Target {
	ready := kubebindv1alpha2.FindCondition(n.Status.Conditions, kubebindv1alpha2.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionFalse && ready.Severity == kubebindv1alpha2.SeverityError {
		return refused(ready.Reason, "The provider cannot prepare a namespace for this object: "+ready.Message)
	}
	return plan.Target{State: plan.Pending}
}

// ToConsumer is the inverse of Target.
func (n *Namespaced) ToConsumer(key types.NamespacedName) (types.NamespacedName, bool) {
	n.Map.mu.RLock()
	defer n.Map.mu.RUnlock()
	namespace, ok := n.Map.byProvider[key.Namespace]
	return types.NamespacedName{Namespace: namespace, Name: key.Name}, ok
}

// Watched lists the provider namespaces to watch.
func (n *Namespaced) Watched() sets.Set[string] {
	if n.ClusterWide {
		return sets.New(metav1.NamespaceAll)
	}
	n.Map.mu.RLock()
	defer n.Map.mu.RUnlock()
	return sets.KeySet(n.Map.byProvider)
}

// ClusterScoped are the targets of an API that is cluster-scoped in the consumer: names alone decide.
type ClusterScoped struct {
	// Mapping is the isolation's.
	Mapping mapping.Mapping
	// Namespace is the one provider namespace of all objects, or empty if they are cluster-scoped there too.
	Namespace string
}

// Target says where an object of that key goes.
func (c *ClusterScoped) Target(key types.NamespacedName) plan.Target {
	provider, err := c.Mapping.ToProvider(key)
	if err != nil {
		return refused(kubebindv1alpha2.ReasonNameTooLong, err.Error())
	}
	return plan.Target{State: plan.Ready, Key: provider}
}

// Known is Target, which asks for nothing.
func (c *ClusterScoped) Known(key types.NamespacedName) plan.Target { return c.Target(key) }

// ToConsumer is the inverse of Target.
func (c *ClusterScoped) ToConsumer(key types.NamespacedName) (types.NamespacedName, bool) {
	return c.Mapping.ToConsumer(key)
}

// Watched is the one namespace, or the whole cluster.
func (c *ClusterScoped) Watched() sets.Set[string] { return sets.New(c.Namespace) }

// Withdrawn refuses every object, because the provider does not offer the API any more. Objects that are being deleted
// are let go so; what the provider keeps of them is its own affair from then on.
type Withdrawn struct{}

// Target refuses.
func (Withdrawn) Target(types.NamespacedName) plan.Target {
	return refused(ReasonExportGone, "The provider does not offer this API any more: changes go nowhere, and the status is not updated. "+
		"The object can be deleted here; ask the provider about what it still keeps of it.")
}

// Known refuses as well.
func (w Withdrawn) Known(key types.NamespacedName) plan.Target { return w.Target(key) }

// ToConsumer knows nothing.
func (Withdrawn) ToConsumer(types.NamespacedName) (types.NamespacedName, bool) {
	return types.NamespacedName{}, false
}

// Watched is nothing.
func (Withdrawn) Watched() sets.Set[string] { return nil }

func refused(reason, message string) plan.Target {
	return plan.Target{State: plan.Refused, Reason: reason, Message: message}
}
