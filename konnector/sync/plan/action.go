// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Kind says what an Action does. The set is closed.
type Kind int

const (
	// AddFinalizer puts the syncer's finalizer on the consumer object, and the name of the binding: JSON merge patch.
	AddFinalizer Kind = iota + 1
	// Create makes the copy on the provider, which must not exist: server-side apply.
	Create
	// Apply makes the copy on the provider, which must exist, what it should be: server-side apply.
	Apply
	// Delete deletes the copy on the provider.
	Delete
	// PatchStatus makes the consumer object's status that of the copy: JSON patch of the status subresource.
	PatchStatus
	// RemoveFinalizer takes the syncer's finalizer from the consumer object: JSON merge patch.
	RemoveFinalizer
	// Report writes nothing: it tells the owner of the consumer object why nothing is done.
	Report
	// Mark changes the owner label of a claimed object, and takes the marks of a copy from it; or it marks a copy as left
	// behind, or takes that back: JSON merge patch.
	Mark
	// Prune removes from the copy of a claimed object what its owner does not have: JSON patch.
	Prune
)

// String is the name of the constant.
func (k Kind) String() string {
	switch k {
	case AddFinalizer:
		return "AddFinalizer"
	case Create:
		return "Create"
	case Apply:
		return "Apply"
	case Delete:
		return "Delete"
	case PatchStatus:
		return "PatchStatus"
	case RemoveFinalizer:
		return "RemoveFinalizer"
	case Report:
		return "Report"
	case Mark:
		return "Mark"
	case Prune:
		return "Prune"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// OnConsumer says that an action of this kind writes to the consumer.
func (k Kind) OnConsumer() bool {
	return k == AddFinalizer || k == PatchStatus || k == RemoveFinalizer
}

// OnProvider says that an action of this kind writes to the provider, unless the action is Here.
func (k Kind) OnProvider() bool {
	return k == Create || k == Apply || k == Delete || k == Mark || k == Prune
}

// OnProvider says that the action writes to the provider.
func (a Action) OnProvider() bool { return a.Kind.OnProvider() && !a.Here }

// Reasons of a Report. The reason of a refused target is the target's own.
const (
	// ReasonConflict says that somebody else's object has the name that the copy would have.
	ReasonConflict = "Conflict"
	// ReasonOtherCluster says that the copy was made by another consumer cluster of the same place, or by one that
	// cannot be told any more.
	ReasonOtherCluster = "OtherCluster"
	// ReasonNamespacePending says that the provider has not prepared the namespace of the copy yet.
	ReasonNamespacePending = "NamespacePending"
	// ReasonShared says, as good news, that a claimed object is shared from now on.
	ReasonShared = "Shared"
	// ReasonOwnerUnknown says that a claimed object is on both sides, and nothing tells which is the copy.
	ReasonOwnerUnknown = "OwnerUnknown"
	// ReasonNotClaimable says that a claimed object is of a kind that is never shared.
	ReasonNotClaimable = "NotClaimable"
	// ReasonRefused stands for the reason of a refused target that gives none.
	ReasonRefused = "TargetRefused"
)

// Action is one step of a plan.
type Action struct {
	// Kind is what to do.
	Kind Kind
	// Here says that an action on a copy is one on the consumer: the copy of a claimed object that is the provider's.
	Here bool
	// UID must be the UID of the object acted upon, or the action must fail. It is empty for Create alone, which must
	// fail if there is an object.
	UID types.UID
	// ResourceVersion must be the one of the object acted upon. Only finalizer patches have it: they replace a list.
	ResourceVersion string
	// Key is the object acted upon: the copy for Create, Apply, Delete and Prune, for Mark either, else the consumer object.
	Key types.NamespacedName
	// Object is what Create and Apply send. It is the caller's to change. That of Apply has the UID, which makes an API
	// server refuse to apply it to any other object (409 if there is none, 422 if it is another). That of Create has
	// nothing of the kind: a resourceVersion that no object has is for the sender to add.
	Object *unstructured.Unstructured
	// Patch is what AddFinalizer, RemoveFinalizer (JSON merge patch) and PatchStatus (JSON patch) send, their
	// precondition included.
	Patch []byte
	// Emptying is a JSON patch of the copy, its precondition included, for when the API server refuses an Apply as invalid:
	// see emptying. It is nil for an Apply that cannot be refused for that reason.
	Emptying []byte
	// Repair marks an Apply of content that was applied before: the copy was changed on the provider. If something there
	// insists on its change, this repeats for ever, so the syncer paces it.
	Repair bool
	// Reason and Message are what a Report says, or what is to be told of a Create that succeeded. The message is for the
	// owner of the consumer object.
	Reason, Message string
}

func keyOf(o *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

func addFinalizer(consumer *unstructured.Unstructured, binding string) Action {
	finalizers := consumer.GetFinalizers()
	if !finalized(consumer) {
		finalizers = append(finalizers, kubebindv1alpha2.SyncerFinalizer)
	}
	metadata := map[string]any{}
	if binding != "" {
		metadata["annotations"] = map[string]any{kubebindv1alpha2.CarriedByAnnotation: binding}
	}
	return finalizerPatch(AddFinalizer, consumer, finalizers, metadata)
}

func removeFinalizer(consumer *unstructured.Unstructured) Action {
	rest := slices.DeleteFunc(consumer.GetFinalizers(), func(f string) bool { return f == kubebindv1alpha2.SyncerFinalizer })
	return finalizerPatch(RemoveFinalizer, consumer, rest, map[string]any{})
}

// finalizerPatch replaces the whole list, hence the resourceVersion: somebody else's finalizer must not get lost. The
// metadata is what else it changes.
func finalizerPatch(kind Kind, consumer *unstructured.Unstructured, finalizers []string, metadata map[string]any) Action {
	metadata["uid"] = consumer.GetUID()
	metadata["resourceVersion"] = consumer.GetResourceVersion()
	metadata["finalizers"] = append([]string{}, finalizers...)
	return Action{
		Kind:            kind,
		Key:             keyOf(consumer),
		UID:             consumer.GetUID(),
		ResourceVersion: consumer.GetResourceVersion(),
		Patch:           marshal(map[string]any{"metadata": metadata}),
	}
}

func create(key types.NamespacedName, content *unstructured.Unstructured) Action {
	return Action{Kind: Create, Key: key, Object: content.DeepCopy()}
}

func apply(provider, content *unstructured.Unstructured, repair bool) Action {
	object := content.DeepCopy()
	object.SetUID(provider.GetUID())
	return Action{
		Kind: Apply, Key: keyOf(provider), UID: provider.GetUID(), Object: object, Repair: repair,
		Emptying: emptying(provider, content),
	}
}

// deleteCopy is nothing when the copy is going already: its finalizers decide then.
func deleteCopy(provider *unstructured.Unstructured) []Action {
	if terminating(provider) {
		return nil
	}
	return []Action{{Kind: Delete, Key: keyOf(provider), UID: provider.GetUID()}}
}

// markLeftBehind sets the mark of copies that outlive their consumer object; nil removes it.
func markLeftBehind(provider *unstructured.Unstructured, value any) Action {
	return Action{
		Kind: Mark, Key: keyOf(provider), UID: provider.GetUID(),
		Patch: marshal(map[string]any{"metadata": map[string]any{
			"uid": provider.GetUID(), "annotations": map[string]any{kubebindv1alpha2.OrphanedAnnotation: value},
		}}),
	}
}

// patchStatus uses "add" to set, which replaces what is there: the patch holds whatever the consumer object has by now.
func patchStatus(consumer *unstructured.Unstructured, status any) Action {
	change := map[string]any{"op": "remove", "path": "/status"}
	if status != nil {
		change = map[string]any{"op": "add", "path": "/status", "value": status}
	}
	test := map[string]any{"op": "test", "path": "/metadata/uid", "value": consumer.GetUID()}
	return Action{Kind: PatchStatus, Key: keyOf(consumer), UID: consumer.GetUID(), Patch: marshal([]any{test, change})}
}

func report(consumer *unstructured.Unstructured, reason, message string) []Action {
	return []Action{{Kind: Report, Key: keyOf(consumer), UID: consumer.GetUID(), Reason: reason, Message: message}}
}

// marshal has no error to return: all that gets here was JSON before.
func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return data
}
