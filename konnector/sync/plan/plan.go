// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Policy is what a syncer knows for all its objects. With an empty field nothing is ever planned: there would be no
// telling our copies from others.
type Policy struct {
	// ContractNamespace is the consumer's place on the provider.
	ContractNamespace string
	// ConsumerCluster is the UID of the consumer cluster.
	ConsumerCluster types.UID
	// Orphan leaves copies behind: one whose consumer object goes is marked, not deleted. See OrphanedAnnotation.
	Orphan bool
	// Binding is the name of the binding that the copies are made for. Consumer objects name it: see CarriedByAnnotation.
	Binding string
}

// TargetState says whether an object has a place to go to.
type TargetState int

const (
	// Pending: the place is not known yet. There may be a copy from a time when it was.
	Pending TargetState = iota
	// Ready: the place is Target.Key.
	Ready
	// Refused: there is no copy to wait for, because there never was a place, or because it is gone with all that was in
	// it, or given up for good. A place that may come back is Pending.
	Refused
	// Elsewhere: another binding carries the consumer object, or says why none does.
	Elsewhere
)

// Target is where an object goes.
type Target struct {
	// State says which of the other fields count.
	State TargetState
	// Key is the key of the copy, if Ready.
	Key types.NamespacedName
	// Claim says that the consumer object must name the Policy's binding before it is carried: there are several.
	Claim bool
	// Reason and Message say why not, if not Ready; else what is to be told besides. They are shown to the owner of the
	// consumer object.
	Reason, Message string
}

// Input is all that a decision depends on. A nil object is absent for sure: where that is not known nothing may be
// planned. Provider is the object under the target's key; it is nil if there is no key.
type Input struct {
	// Consumer and Provider are the two objects. They belong to caches and are not changed.
	Consumer, Provider *unstructured.Unstructured
	// Target is where the consumer object goes.
	Target Target
	// Policy is that of the syncer.
	Policy Policy
}

// Object plans for one object. The first row that fits counts:
//
//	consumer                    provider          target   plan
//	copy of a claimed object    whatever          any      nothing: see Claimed
//	another binding's           whatever          Elsewhere nothing
//	absent                      left behind       any      nothing
//	absent                      ours              any      Delete (an orphan); terminating: wait; Orphan: nothing
//	absent                      absent, not ours  any      nothing
//	terminating, not finalized  whatever          any      nothing
//	terminating                 ours              any      Delete; terminating: wait; Orphan: Mark as left behind
//	terminating                 left behind       any      Delete; terminating: wait; Orphan: RemoveFinalizer
//	terminating                 absent, not ours  Pending  Report; wait
//	terminating                 absent, not ours  else     RemoveFinalizer
//	live                        whatever          Pending  Report
//	live                        whatever          Refused  Report
//	live                        not ours          Ready    Report
//	live                        absent            Ready    AddFinalizer*, Create
//	live                        ours, terminating Ready    AddFinalizer*; wait
//	live                        left behind       Ready    AddFinalizer*, Mark: taken over; Orphan: as ours
//	live                        ours, differs     Ready    AddFinalizer*, Apply; PatchStatus**
//	live                        ours, in sync     Ready    AddFinalizer*; PatchStatus**
//
//	 * if it is missing
//	** if the status differs and no finalizer was missing, so that there is one write to the consumer
//
// AddFinalizer is missing as well where the consumer object does not name the binding and has to: see Target.Claim. It
// decides which of several bindings carries an object: of those that try, one gets through.
//
// The plan is executed in its order, up to the first action that fails. Not ours is what another consumer cluster of
// the same place made, and everything else; see owner. No write is planned a second time unless something else happened
// in between, and three plans at most lead to rest.
//
// Why a terminating object waits for a Pending target and does not for a Refused one: the finalizer is only put on when
// the target is Ready, so an object that never had a target has none, and neither it nor its namespace is held up. With
// the finalizer, a copy may be wherever the target was, and Pending means that we cannot look: releasing would leak it.
// With a Refused target there is nothing to wait for; whoever refuses answers for that. A Pending target must therefore become Ready or Refused
// also for terminating objects; that is up to package namespaces, which asks the provider for the namespace as long as
// an object needs it.
//
// A consumer object that was deleted by force and made again takes over the copy of its predecessor, by Apply, because
// the UID is a part of the content. Deleting the copy instead would lose data when somebody restores a backup.
func Object(in Input) []Action {
	if in.Policy.ContractNamespace == "" || in.Policy.ConsumerCluster == "" {
		return nil
	}
	whose := owner(in.Provider, in.Consumer, in.Policy)
	switch {
	case claimedCopy(in.Consumer), in.Consumer != nil && in.Target.State == Elsewhere:
		return nil
	case in.Consumer == nil && whose == ours && (in.Policy.Orphan || leftBehind(in.Provider)):
		return nil
	case in.Consumer == nil && whose == ours:
		return deleteCopy(in.Provider)
	case in.Consumer == nil:
		return nil
	case terminating(in.Consumer):
		return release(in, whose)
	case in.Target.State != Ready:
		return reportTarget(in.Consumer, in.Target)
	case whose == foreign:
		return report(in.Consumer, ReasonConflict, fmt.Sprintf("The provider already has an object %s that does not belong to "+
			"this object, and it is left alone. Choose another name, or ask the provider to remove theirs.", in.Target.Key))
	case whose == otherCluster:
		return report(in.Consumer, ReasonOtherCluster, fmt.Sprintf("The copy %s on the provider was made by another cluster with "+
			"the same identity, and it is left alone. If this cluster replaces that one, ask the provider to set the annotation "+
			"%s of the copy to %q; else give each cluster its own identity.",
			in.Target.Key, kubebindv1alpha2.ConsumerClusterAnnotation, in.Policy.ConsumerCluster))
	}
	plan := carry(in)
	if in.Target.Reason != "" {
		plan = append(plan, reportTarget(in.Consumer, in.Target)...)
	}
	return plan
}

// release plans for a consumer object that is being deleted.
func release(in Input, whose ownership) []Action {
	switch {
	case !finalized(in.Consumer):
		return nil
	case whose == ours && !in.Policy.Orphan:
		return deleteCopy(in.Provider)
	case whose == ours && !leftBehind(in.Provider):
		return []Action{markLeftBehind(in.Provider, "true")}
	case in.Target.State == Pending:
		return reportTarget(in.Consumer, in.Target)
	}
	return []Action{removeFinalizer(in.Consumer)}
}

// carry plans for a live consumer object whose copy is absent or ours.
func carry(in Input) []Action {
	var plan []Action
	claimed := finalized(in.Consumer) && (!in.Target.Claim || carriedBy(in.Consumer, in.Policy.Binding))
	if !claimed {
		plan = append(plan, addFinalizer(in.Consumer, in.Policy.Binding))
	}
	if in.Provider == nil {
		return append(plan, create(in.Target.Key, content(in)))
	}
	if terminating(in.Provider) {
		return plan
	}
	if leftBehind(in.Provider) && !in.Policy.Orphan {
		return append(plan, markLeftBehind(in.Provider, nil))
	}
	if want := content(in); !inSync(in.Provider, want) {
		plan = append(plan, apply(in.Provider, want, sameHash(in.Provider, want)))
	}
	status := in.Provider.Object["status"]
	if claimed && !equal(in.Consumer.Object["status"], status) {
		plan = append(plan, patchStatus(in.Consumer, status))
	}
	return plan
}

// leftBehind says that a copy was to outlive its consumer object.
func leftBehind(provider *unstructured.Unstructured) bool {
	return provider.GetAnnotations()[kubebindv1alpha2.OrphanedAnnotation] == "true"
}

func reportTarget(consumer *unstructured.Unstructured, target Target) []Action {
	reason, message := target.Reason, target.Message
	if target.State == Pending {
		reason = ReasonNamespacePending
		if message == "" {
			message = "The provider has not prepared the namespace for this object yet. Nothing needs to be done here; if it " +
				"takes long, look at the conditions of the APIServiceNamespace on the provider."
		}
	}
	if reason == "" {
		reason = ReasonRefused
	}
	if message == "" {
		message = "This object cannot be carried to the provider. Look at the conditions of its APIServiceBinding."
	}
	return report(consumer, reason, message)
}

// claimedCopy says that a consumer object came by a claim. One with our finalizer did not, whatever is written on it.
func claimedCopy(consumer *unstructured.Unstructured) bool {
	return consumer != nil && consumer.GetAnnotations()[kubebindv1alpha2.PlaceUIDAnnotation] != "" && !finalized(consumer)
}

func carriedBy(consumer *unstructured.Unstructured, binding string) bool {
	return consumer.GetAnnotations()[kubebindv1alpha2.CarriedByAnnotation] == binding
}

func terminating(o *unstructured.Unstructured) bool {
	return o.GetDeletionTimestamp() != nil
}

func finalized(consumer *unstructured.Unstructured) bool {
	return slices.Contains(consumer.GetFinalizers(), kubebindv1alpha2.SyncerFinalizer)
}

// ownership says whose the provider object is.
type ownership int

const (
	// nobodys: there is no object.
	nobodys ownership = iota
	// ours: made for this place by this consumer cluster. Only these are ever read, changed or deleted.
	ours
	// otherCluster: made for this place by another consumer cluster, or by one that cannot be told. A cluster that was
	// restored or made anew under its old identity sees the copies of its predecessor so.
	otherCluster
	// foreign: everything else.
	foreign
)

// owner tells whose the provider object is, from its marks. Konnectors of upstream do not name their cluster; their
// copies are ours if they name the very consumer object, by its UID.
func owner(provider, consumer *unstructured.Unstructured, policy Policy) ownership {
	if provider == nil {
		return nobodys
	}
	marks := provider.GetAnnotations()
	if marks[kubebindv1alpha2.ClusterNamespaceAnnotation] != policy.ContractNamespace {
		return foreign
	}
	cluster, named := marks[kubebindv1alpha2.ConsumerClusterAnnotation]
	if cluster == string(policy.ConsumerCluster) {
		return ours
	}
	uid := marks[kubebindv1alpha2.ConsumerUIDAnnotation]
	if !named && consumer != nil && uid != "" && uid == string(consumer.GetUID()) {
		return ours
	}
	return otherCluster
}
