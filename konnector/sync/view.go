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
func (s *Syncer) view(key types.NamespacedName) (in plan.Input, fresh bool, err error) {
	consumer := s.consumer.get(key)
	target := s.target(key, consumer.object)
	provider := seen{known: true}
	if target.State == plan.Ready {
		if provider, err = s.look(target.Key, consumer.object != nil); err != nil {
			return in, false, err
		}
	}
	if !consumer.known || !provider.known {
		return in, false, nil
	}
	// What is not watched because nothing is there has no version, and nothing of ours to wait for.
	have := guard.View{ConsumerRV: consumer.version, ProviderRV: provider.version, NoTarget: provider.version == ""}
	if consumer.object != nil {
		have.ConsumerUID = consumer.object.GetUID()
	}
	if provider.object != nil {
		have.ProviderUID = provider.object.GetUID()
		have.ProviderTerminating = provider.object.GetDeletionTimestamp() != nil
	}
	in = plan.Input{Consumer: consumer.object, Provider: provider.object, Target: target, Policy: s.Policy}
	return in, s.guard.Fresh(key, have), nil
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
