// SPDX-License-Identifier: Apache-2.0

package backend

import (
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"

	"sigs.k8s.io/controller-runtime/pkg/cache"

	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// RegisterForTest adds all controllers to a manager.
func RegisterForTest(mgr mcmanager.Manager, provider providers.Provider, opts Options) error {
	return register(loop.Fleet{Manager: mgr, Provider: provider}, opts)
}

// CacheOptionsForTest are those of a plain cluster.
func CacheOptionsForTest() cache.Options { return cacheOptions() }
