// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"k8s.io/apimachinery/pkg/types"

	"kube-bind.io/kube-bind/konnector/sync/guard"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// view is what both caches know of an object. False: not enough to plan on, because a cache has not seen our own
// last write yet, or does not know the provider's namespace yet. In both cases an event will come.
func (s *Syncer) view(key types.NamespacedName) (plan.Input, bool) {
	target := s.Targets.Target(key)
	consumer := s.consumer.get(key)
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
