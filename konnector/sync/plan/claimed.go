// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Claim is all that a decision about a claimed object depends on. A nil object is absent for sure.
type Claim struct {
	// Consumer and Provider are the two objects. They belong to caches and are not changed.
	Consumer, Provider *unstructured.Unstructured
	// ConsumerClaimed and ProviderClaimed say whether an accepted claim selects that very object.
	ConsumerClaimed, ProviderClaimed bool
	// Key is that of the consumer object, whether it is there or not.
	Key types.NamespacedName
	// Target is where the provider's object is.
	Target Target
	// Policy is that of the syncer.
	Policy Policy
	// Place is the UID of the place's ClusterBinding, which marks copies in the consumer.
	Place types.UID
	// ProvidersOnly says that the resource is synced as well: only what the provider made comes by claims, with its status,
	// and nothing is handed over.
	ProvidersOnly bool
}

// Claimed plans for one object that is, was or could be claimed. Whose it is, is what the owner labels say, see ownerOf;
// it goes from its owner to the other side. The first row that fits counts:
//
//	owner's object          other side's      plan
//	whatever                target not ready  Report, if the consumer's object is claimed
//	absent                  copy              Delete
//	absent                  else              nothing
//	is marked as a copy     not labelled so   Mark that one with the new owner, if it is claimed
//	is marked as a copy     labelled so       Mark: it is no copy any more
//	not claimed             copy              Delete
//	not claimed             else              nothing
//	never to be shared      whatever          Report
//	terminating             whatever          nothing
//	live                    terminating       nothing
//	live                    absent            Mark*, Create
//	live                    not writable      Report
//	live                    differs           Mark*, Apply; if it cannot be changed: Mark*, Delete
//	live                    has more          Mark*, Prune
//	live                    in sync           Mark*
//
//	* if it does not have its owner's label
//
// There is no finalizer: a copy whose object went while nobody looked is found by its marks. A copy is writable if it
// has this place's marks, or if it has none and is labelled as the other side's: who labels an object so gives it away.
// Without that, nothing that a side has of its own is ever changed (W3, W4, W24), whatever the other side says of it.
func Claimed(in Claim) []Action {
	if in.Policy.ContractNamespace == "" || in.Policy.ConsumerCluster == "" || in.Place == "" {
		return nil
	}
	here, there := in.parties()
	if in.ProvidersOnly {
		return in.provided(here, there)
	}
	switch {
	case in.Target.State != Ready:
		if here.present() && here.claimed && !here.copied && !terminating(here.object) {
			return reportTarget(in.Consumer, in.Target)
		}
		return nil
	case !here.present() && !there.present():
		return nil
	case !there.present():
		return in.single(here, there)
	case !here.present():
		return in.single(there, here)
	}
	from, to, known := ownerOf(here, there)
	if !known {
		if !here.claimed && !there.claimed {
			return nil
		}
		return report(in.Consumer, ReasonOwnerUnknown, fmt.Sprintf("This object is claimed, and so is %s on the provider, and nothing "+
			"says which one is the copy: both are left alone. Set the label %s on this one, to %q if the provider's is to replace it; to "+
			"send this one, ask the provider to label or remove theirs.", in.Target.Key, kubebindv1alpha2.OwnerLabel, kubebindv1alpha2.OwnerProvider))
	}
	return in.both(from, to)
}

// provided plans for an object of a resource that is synced as well.
func (in Claim) provided(here, there party) []Action {
	switch {
	case in.Target.State != Ready, here.present() && !here.copied, there.copied, there.elsewhere, !here.present() && !there.present():
		return nil
	case !there.present():
		return in.single(here, there)
	case !here.present():
		return in.single(there, here)
	case !there.claimed:
		return in.deleteOf(here)
	case terminating(here.object), terminating(there.object):
		return nil
	}
	plan := in.share(there, here)
	if status := there.object.Object["status"]; len(plan) == 0 && !equal(here.object.Object["status"], status) {
		plan = append(plan, patchStatus(here.object, status))
	}
	return plan
}

// party is one side's object and what is known of it.
type party struct {
	// name is that of the side, as in owner labels.
	name   string
	object *unstructured.Unstructured
	key    types.NamespacedName
	// label is the owner that the object's label names.
	label   string
	claimed bool
	// copied says that this place's marks are on it, elsewhere that those of another are.
	copied, elsewhere bool
}

func (p party) present() bool { return p.object != nil }

// owns says that the label says so.
func (p party) owns() bool { return p.label == p.name }

// yields says that the object may be written: see Claimed.
func (p party) yields(to party) bool {
	return p.copied || !p.elsewhere && p.label == to.name
}

func (in Claim) parties() (here, there party) {
	here = party{name: kubebindv1alpha2.OwnerConsumer, object: in.Consumer, key: in.Key, claimed: in.ConsumerClaimed}
	if in.Consumer != nil {
		place := in.Consumer.GetAnnotations()[kubebindv1alpha2.PlaceUIDAnnotation]
		here.label = in.Consumer.GetLabels()[kubebindv1alpha2.OwnerLabel]
		here.copied = place == string(in.Place)
		here.elsewhere = place != "" && !here.copied
	}
	there = party{name: kubebindv1alpha2.OwnerProvider, object: in.Provider, key: in.Target.Key, claimed: in.ProviderClaimed}
	if in.Provider != nil {
		there.label = in.Provider.GetLabels()[kubebindv1alpha2.OwnerLabel]
		switch owner(in.Provider, in.Consumer, in.Policy) {
		case ours:
			there.copied = true
		case otherCluster:
			there.elsewhere = true
		case foreign:
			there.elsewhere = in.Provider.GetAnnotations()[kubebindv1alpha2.ClusterNamespaceAnnotation] != ""
		case nobodys:
		}
	}
	return here, there
}

// ownerOf says which of two objects is the owner's:
//
//	provider's label  consumer's label  owner
//	provider          whatever          the provider: it may take what the consumer lets it claim
//	consumer          provider          who gives it away: who has no copy loses it; without any copy, the consumer's
//	consumer          else              the consumer
//	none              provider          the provider
//	none              consumer          the consumer
//	none              no label either   who does not have the copy; without any copy, unknown
//
// What another place put into the consumer is the consumer's as far as this provider is concerned, whatever its label.
func ownerOf(here, there party) (from, to party, known bool) {
	label := here.label
	if here.elsewhere {
		label = here.name
	}
	switch {
	case there.owns():
		return there, here, true
	case there.label == here.name && label == there.name && there.copied && !here.copied:
		return there, here, true
	case there.label == here.name, label == here.name:
		return here, there, true
	case label == there.name:
		return there, here, true
	case there.copied && !here.copied:
		return here, there, true
	case here.copied && !there.copied:
		return there, here, true
	}
	return here, there, false
}

// single plans for an object that has no counterpart.
func (in Claim) single(one, absent party) []Action {
	switch {
	case one.copied:
		return in.deleteOf(one)
	case one.elsewhere && one.name == kubebindv1alpha2.OwnerProvider, terminating(one.object), !one.claimed:
		return nil
	case one.label == absent.name && !one.elsewhere:
		return nil // the owner has not brought it yet
	}
	return in.share(one, absent)
}

// both plans for an object that is on both sides, and whose owner is known.
func (in Claim) both(from, to party) []Action {
	switch {
	case from.copied && to.label != from.name && (!to.claimed || to.elsewhere):
		return in.conflict(from, to)
	case from.copied && to.label != from.name:
		return []Action{mark(to, from.name)}
	case from.copied:
		return []Action{mark(from, from.name)}
	case !from.claimed && to.copied:
		return in.deleteOf(to)
	case !from.claimed, terminating(from.object), terminating(to.object):
		return nil
	case !to.yields(from):
		return in.conflict(from, to)
	}
	return in.share(from, to)
}

// conflict reports an object of a side's own that is in the way of a copy, if somebody wants that copy.
func (in Claim) conflict(from, to party) []Action {
	if !from.claimed || in.Consumer == nil {
		return nil
	}
	if to.name == kubebindv1alpha2.OwnerConsumer {
		return report(in.Consumer, ReasonConflict, fmt.Sprintf("The provider has an object %s for this one's name, and this one is left "+
			"alone. If the provider's is to replace it, delete it here or label it %s=%s.",
			from.key, kubebindv1alpha2.OwnerLabel, kubebindv1alpha2.OwnerProvider))
	}
	return report(in.Consumer, ReasonConflict, fmt.Sprintf("The provider already has an object %s that does not belong to this one, and it "+
		"is left alone. Choose another name, or ask the provider to remove theirs or to label it %s=%s.",
		to.key, kubebindv1alpha2.OwnerLabel, kubebindv1alpha2.OwnerConsumer))
}

// share makes the copy what it should be.
func (in Claim) share(from, to party) []Action {
	if message := neverShared(from, to); message != "" {
		return in.refuse(message)
	}
	var plan []Action
	if !from.owns() && !from.elsewhere {
		plan = append(plan, mark(from, from.name))
	}
	want := in.copyFor(from, to)
	switch {
	case !to.present():
		a := create(to.key, want)
		a.Here = to.name == kubebindv1alpha2.OwnerConsumer
		a.Reason, a.Message = ReasonShared, fmt.Sprintf("The provider is given this object, by an accepted claim, as %s.", to.key)
		if a.Here {
			a.Message = fmt.Sprintf("The provider gave this object, by an accepted claim; it has it as %s.", from.key)
		}
		return append(plan, a)
	case frozen(to.object, want) && !to.copied:
		return in.conflict(from, to)
	case frozen(to.object, want):
		return append(plan, in.deleteOf(to)...)
	case !inSync(to.object, want):
		a := apply(to.object, want, sameHash(to.object, want))
		a.Here = to.name == kubebindv1alpha2.OwnerConsumer
		return append(plan, a)
	}
	return append(plan, prune(to, want)...)
}

func (in Claim) refuse(message string) []Action {
	if in.Consumer == nil {
		return nil
	}
	return report(in.Consumer, ReasonNotClaimable, message)
}

// neverShared says why an object must not leave its cluster, whatever is claimed.
func neverShared(from, to party) string {
	isSecret := from.object.GroupVersionKind().Group == "" && from.object.GetKind() == "Secret"
	here := from.key.Namespace
	if to.name == kubebindv1alpha2.OwnerConsumer {
		here = to.key.Namespace
	}
	switch {
	case isSecret && from.object.Object["type"] == "kubernetes.io/service-account-token":
		return "A token of a ServiceAccount opens its own cluster and is never shared."
	case isSecret && from.object.Object["type"] == "bootstrap.kubernetes.io/token":
		return "A bootstrap token makes whoever has it a node of a cluster and is never shared."
	case here == kubebindv1alpha2.ConsumerNamespace:
		return "What is in the konnector's own namespace, such as the credentials for providers, is never shared."
	case to.name == kubebindv1alpha2.OwnerConsumer && SystemNamespace(here):
		return "The cluster itself runs on what is in this namespace: a provider's object never comes here."
	}
	return ""
}

// SystemNamespace tells whether a consumer namespace is one of Kubernetes, its distributions or the konnector (W15): what a provider
// puts there would rule the cluster.
func SystemNamespace(name string) bool {
	return strings.HasPrefix(name, "kube-") || strings.HasPrefix(name, "openshift-") || name == "openshift"
}

// copyFor is what the copy should be. Of a ServiceAccount the tokens are left out: each cluster makes its own.
func (in Claim) copyFor(from, to party) *unstructured.Unstructured {
	fields := payload(from.object)
	if isServiceAccount(from.object) {
		delete(fields, "secrets")
	}
	labels, annotations := travelling(from.object.GetLabels()), travelling(from.object.GetAnnotations())
	labels[kubebindv1alpha2.OwnerLabel] = from.name
	if to.name == kubebindv1alpha2.OwnerProvider {
		annotations[kubebindv1alpha2.ClusterNamespaceAnnotation] = in.Policy.ContractNamespace
		annotations[kubebindv1alpha2.ConsumerClusterAnnotation] = string(in.Policy.ConsumerCluster)
		annotations[kubebindv1alpha2.ConsumerUIDAnnotation] = string(from.object.GetUID())
		annotations[kubebindv1alpha2.ConsumerNamespaceAnnotation] = from.object.GetNamespace()
	} else {
		annotations[kubebindv1alpha2.PlaceUIDAnnotation] = string(in.Place)
		annotations[kubebindv1alpha2.ProviderNamespaceAnnotation] = from.object.GetNamespace()
		annotations[kubebindv1alpha2.ProviderUIDAnnotation] = string(from.object.GetUID())
	}
	return sealed(fields, to.key, labels, annotations)
}

func isServiceAccount(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().Group == "" && o.GetKind() == "ServiceAccount"
}

// frozen says that a copy cannot become what it should be and has to be made again: see Immutable and Type of
// k8s.io/api/core/v1.Secret.
func frozen(have, want *unstructured.Unstructured) bool {
	secret := have.GroupVersionKind().Group == "" && have.GetKind() == "Secret"
	if secret && have.Object["type"] != want.Object["type"] {
		return true
	}
	return have.Object["immutable"] == true && (!equal(want.Object["data"], have.Object["data"]) ||
		!equal(want.Object["binaryData"], have.Object["binaryData"]) || want.Object["immutable"] != true)
}

// prune plans the removal of keys that the owner's object does not have. An apply does not remove them if somebody else
// put them there, like who owned the object before.
func prune(to party, want *unstructured.Unstructured) []Action {
	var operations []any
	for _, field := range []string{"data", "binaryData"} {
		have, _ := to.object.Object[field].(map[string]any)
		wanted, _ := want.Object[field].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(have)) {
			if _, ok := wanted[key]; !ok {
				path := "/" + field + "/" + pointerEscapes().Replace(key)
				operations = append(operations, map[string]any{"op": "remove", "path": path})
			}
		}
	}
	if operations == nil {
		return nil
	}
	tests := []any{
		map[string]any{"op": "test", "path": "/metadata/uid", "value": to.object.GetUID()},
		map[string]any{"op": "test", "path": "/metadata/resourceVersion", "value": to.object.GetResourceVersion()},
	}
	return []Action{{
		Kind: Prune, Here: to.name == kubebindv1alpha2.OwnerConsumer, Key: to.key, UID: to.object.GetUID(),
		Patch: marshal(append(tests, operations...)), Repair: true,
	}}
}

// mark plans to label an object with its owner. An object that gets its own side's label is no copy from then on.
func mark(p party, owner string) Action {
	metadata := map[string]any{
		"uid": p.object.GetUID(), "resourceVersion": p.object.GetResourceVersion(),
		"labels": map[string]any{kubebindv1alpha2.OwnerLabel: owner},
	}
	if p.copied && owner == p.name {
		metadata["annotations"] = noMarks()
	}
	return Action{
		Kind: Mark, Here: p.name == kubebindv1alpha2.OwnerConsumer, Key: p.key, UID: p.object.GetUID(),
		ResourceVersion: p.object.GetResourceVersion(), Patch: marshal(map[string]any{"metadata": metadata}),
	}
}

// noMarks takes the marks of copies of both sides away, in a merge patch.
func noMarks() map[string]any {
	none := map[string]any{}
	for _, key := range []string{
		kubebindv1alpha2.ClusterNamespaceAnnotation, kubebindv1alpha2.ConsumerClusterAnnotation,
		kubebindv1alpha2.ConsumerUIDAnnotation, kubebindv1alpha2.ConsumerNamespaceAnnotation,
		kubebindv1alpha2.PlaceUIDAnnotation, kubebindv1alpha2.ProviderNamespaceAnnotation,
		kubebindv1alpha2.ProviderUIDAnnotation, kubebindv1alpha2.AppliedHashAnnotation,
	} {
		none[key] = nil
	}
	return none
}

func (in Claim) deleteOf(p party) []Action {
	plan := deleteCopy(p.object)
	for i := range plan {
		plan[i].Here = p.name == kubebindv1alpha2.OwnerConsumer
	}
	return plan
}
