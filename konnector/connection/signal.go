// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	gosync "sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// signalDelay lets news of one object that come together be one reconcile.
const signalDelay = 100 * time.Millisecond

// Signal wakes a controller for what connections announce. It can be given away before there is a controller. The zero
// value is good.
type Signal struct {
	mu    gosync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Changed wakes the controller for the object of a name. It does not block; before the controller runs it does nothing,
// since all objects are looked at then anyway.
func (s *Signal) Changed(name string) {
	s.mu.Lock()
	queue := s.queue
	s.mu.Unlock()
	if queue != nil {
		queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, signalDelay)
	}
}

// Source is what the controller watches.
func (s *Signal) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.queue = queue
		return nil
	})
}
