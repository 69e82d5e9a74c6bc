// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What Leases of this package are known by.
const (
	// ofLabel has the name that all Leases of one backend begin with.
	ofLabel = "backend.kube-bind.io/replicas-of"
	// kindLabel says whose Lease it is: see kind.
	kindLabel = "backend.kube-bind.io/lease-of"
	// groupAnnotation is the name of a group.
	groupAnnotation = "backend.kube-bind.io/group"
	// askedByAnnotation is the replica that wants to have a group.
	askedByAnnotation = "backend.kube-bind.io/asked-by"
)

// kind is what a lease is of.
type kind string

const (
	ofReplica kind = "replica"
	ofGroup   kind = "group"
)

// lease is what a Lease says.
type lease struct {
	of kind
	// key is the name of the replica or of the group.
	key string
	// holder is the replica that lives or works on the group.
	holder string
	// askedBy is the replica that wants to have the group, or "".
	askedBy string
	// version changes with everything that is written. "" is a Lease that is to be made.
	version string
	// object is the Lease as it was read.
	object *coordinationv1.Lease
}

// store reads and writes leases. What is written over must be as it was read: otherwise it returns an error that satisfies
// apierrors.IsConflict, IsAlreadyExists or IsNotFound.
type store interface {
	// list returns all leases as they are at one moment, which is not before the call.
	list(ctx context.Context) ([]lease, error)
	// write makes the lease, or writes it over what was read, and returns it as it is then.
	write(ctx context.Context, l lease) (lease, error)
	// remove takes away what was read.
	remove(ctx context.Context, l lease) error
}

// leases is the store in a namespace of a control plane.
type leases struct {
	// client reads from the server.
	client    client.Client
	namespace string
	// name is what the names of all Leases begin with.
	name string
	// duration is for how long a replica lives after it has renewed its Lease.
	duration time.Duration
}

func (s *leases) list(ctx context.Context) ([]lease, error) {
	var found coordinationv1.LeaseList
	if err := s.client.List(ctx, &found, client.InNamespace(s.namespace), client.MatchingLabels{ofLabel: s.name}); err != nil {
		return nil, fmt.Errorf("listing the Leases of replicas: %w", err)
	}
	out := make([]lease, 0, len(found.Items))
	for i := range found.Items {
		if l := read(&found.Items[i]); l.key != "" {
			out = append(out, l)
		}
	}
	return out, nil
}

// read returns what a Lease says. Without a key it is none of ours.
func read(object *coordinationv1.Lease) lease {
	l := lease{
		of: kind(object.Labels[kindLabel]), holder: ptr.Deref(object.Spec.HolderIdentity, ""), askedBy: object.Annotations[askedByAnnotation],
		version: object.ResourceVersion, object: object,
	}
	switch l.of {
	case ofReplica:
		l.key = l.holder
	case ofGroup:
		l.key = object.Annotations[groupAnnotation]
	}
	return l
}

func (s *leases) write(ctx context.Context, l lease) (lease, error) {
	object := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.nameOf(l)}}
	if l.object != nil {
		object = l.object.DeepCopy()
	}
	object.Labels = merged(object.Labels, ofLabel, s.name, kindLabel, string(l.of))
	now := metav1.NowMicro()
	switch l.of {
	case ofReplica:
		object.Spec.RenewTime, object.Spec.LeaseDurationSeconds = &now, ptr.To(int32(max(s.duration, time.Second)/time.Second))
	case ofGroup:
		object.Annotations = merged(object.Annotations, groupAnnotation, l.key, askedByAnnotation, l.askedBy)
		if before := ptr.Deref(object.Spec.HolderIdentity, ""); before != l.holder {
			object.Spec.LeaseTransitions = ptr.To(ptr.Deref(object.Spec.LeaseTransitions, -1) + 1)
		}
		if l.askedBy == "" {
			object.Spec.AcquireTime = &now
		}
	}
	object.Spec.HolderIdentity = ptr.To(l.holder)
	var err error
	if l.version == "" {
		err = s.client.Create(ctx, object)
	} else {
		err = s.client.Update(ctx, object)
	}
	if err != nil {
		return lease{}, fmt.Errorf("writing the Lease %s: %w", object.Name, err)
	}
	return read(object), nil
}

// merged returns the map with the keys set to the values that follow each. An empty value takes a key away.
func merged(m map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		if out[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}

func (s *leases) remove(ctx context.Context, l lease) error {
	object := l.object
	if err := s.client.Delete(ctx, object, client.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion}); err != nil {
		return fmt.Errorf("removing the Lease %s: %w", object.Name, err)
	}
	return nil
}

// nameOf is the name of the Lease: readable, if that makes a name.
func (s *leases) nameOf(l lease) string {
	name := fmt.Sprintf("%s-%s-%s", s.name, l.of, l.key)
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	sum := sha256.Sum256([]byte(l.key))
	return fmt.Sprintf("%s-%s.%s", s.name, l.of, hex.EncodeToString(sum[:10]))
}

// compare sorts leases: replicas, then groups.
func compare(a, b lease) int {
	return cmp.Or(-cmp.Compare(a.of, b.of), cmp.Compare(a.key, b.key))
}
