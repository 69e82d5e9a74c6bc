// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/sync/guard"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// view is what both caches know of an object. False: not enough to plan on, because a cache has not seen our own
// last write yet, or does not know the provider's namespace yet. In both cases an event will come.
func (s *Syncer) view(key types.NamespacedName) (plan.Input, bool) {
	consumer := s.consumer.get(key)
	target := s.target(key, consumer.object)
	provider := seen{known: true}
	if target.State == plan.Ready {
		provider = s.provider.get(target.Key)
	}
	if !consumer.known || !provider.known {
		return plan.Input{}, false
	}
	have := guard.View{ConsumerRV: consumer.version, ProviderRV: provider.version, NoTarget: target.State != plan.Ready}
	if consumer.object != nil {
		have.ConsumerUID = consumer.object.GetUID()
	}
	if provider.object != nil {
		have.ProviderUID = provider.object.GetUID()
		have.ProviderTerminating = provider.object.GetDeletionTimestamp() != nil
	}
	fresh := s.guard.Fresh(key, have)
	return plan.Input{Consumer: consumer.object, Provider: provider.object, Target: target, Policy: s.Policy}, fresh
}

// target is where an object goes. A namespace is only asked for if there is something to carry there.
func (s *Syncer) target(key types.NamespacedName, consumer *unstructured.Unstructured) plan.Target {
	if consumer == nil {
		return s.Targets.Known(key)
	}
	var route routing.Route
	if s.Router != nil {
		route = s.Router.Route(consumer)
	}
	switch route.State {
	case routing.Elsewhere:
		return plan.Target{State: plan.Elsewhere}
	case routing.Nobodys:
		return plan.Target{State: plan.Refused, Reason: route.Reason, Message: route.Message}
	case routing.Mine:
	}
	target := s.Targets.Target(key)
	target.Claim = route.Claim
	if target.State == plan.Ready {
		target.Reason, target.Message = route.Reason, route.Message
	}
	return target
}
