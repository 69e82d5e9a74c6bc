// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// recorderQuiet is how much less the library's recorder logs: it says of each Event what it is related to, which is nothing, and
// not which object it is about. Errors it logs as ever.
const recorderQuiet = 8

// narrator logs which object each Event is about. Its words are in the Event.
type narrator struct {
	events.EventRecorder
	log    logr.Logger
	scheme *runtime.Scheme
}

// Eventf implements events.EventRecorder.
func (n *narrator) Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any) {
	n.EventRecorder.Eventf(regarding, related, kind, reason, action, note, args...)
	values := []any{"type", kind, "reason", reason, "action", action}
	if gvk, err := apiutil.GVKForObject(regarding, n.scheme); err == nil {
		values = append(values, "kind", gvk.Kind, "apiVersion", gvk.GroupVersion().String())
	}
	if object, err := meta.Accessor(regarding); err == nil {
		values = append(values, "object", klog.KRef(object.GetNamespace(), object.GetName()))
	}
	n.log.V(1).Info("recorded an Event", values...)
}

// GetEventRecorder returns a recorder for Events in the workspace.
func (s *site) GetEventRecorder(name string) events.EventRecorder {
	return &narrator{EventRecorder: s.Cluster.GetEventRecorder(name), log: s.log.WithValues("controller", name), scheme: s.GetScheme()}
}
