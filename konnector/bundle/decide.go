// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
)

const (
	// settle is how long an export must be gone before its binding is unbound: one that is made again at once, or a place
	// that is removed piece by piece, is no word of the provider to take objects away.
	settle = 5 * time.Second
	// lookAgain is when bindings are looked at again that are kept for their objects: the last of them may go without a
	// word.
	lookAgain = 30 * time.Second
)

// Facts are what is known of a bundle.
type Facts struct {
	// Bundle is the bundle itself.
	Bundle *kubebindv1alpha2.APIServiceBindingBundle
	// Bindings are all of this cluster, whoever made them.
	Bindings []kubebindv1alpha2.APIServiceBinding
	// Secret is what is wrong with the kubeconfig Secret. If it is set, there is no session.
	Secret *connection.Problem
	// Health is that of the session.
	Health connection.Health
	// Exports are the names of the provider's exports. They are only known if Known says so.
	Exports sets.Set[string]
	// Remains says of bindings without an export, by name, what is left of them.
	Remains map[string]Remains
	// Now is the present.
	Now time.Time
}

// Remains is what is left of a binding whose export is gone.
type Remains string

const (
	// RemainsUnknown means that it could not be made sure that the export is gone, or whether there are objects.
	RemainsUnknown Remains = ""
	// RemainsNothing means that the export is gone, and no objects are left here.
	RemainsNothing Remains = "Nothing"
	// RemainsObjects means that the export is gone, and objects are left here.
	RemainsObjects Remains = "Objects"
)

// Known says whether it is known what the provider exports now: only if all of it was read, and the provider is there and
// knows this consumer.
func (f Facts) Known() bool {
	return f.Secret == nil && f.Health.Synced && f.Health.Provider == nil && !f.Health.Removed
}

// Decision is what follows from Facts.
type Decision struct {
	// Bind are the names of the bindings to make.
	Bind []string
	// Annotate are the bindings whose deletion policy is not the bundle's.
	Annotate []*kubebindv1alpha2.APIServiceBinding
	// Unbind are the bindings to delete.
	Unbind []*kubebindv1alpha2.APIServiceBinding
	// Done says that the bundle is being deleted, and that none of its bindings is left.
	Done bool
	// LookAgain is when the bundle must be looked at again without an event; 0 is never.
	LookAgain time.Duration
	// Status is what the bundle's status should be.
	Status kubebindv1alpha2.APIServiceBindingBundleStatus

	conflicts, kept, doubtful, leaving []string
}

// Decide is pure. For each export, and each binding of this bundle:
//
//	export    binding          decision
//	unknown   any              leave everything as it is
//	there     none             make it
//	there     ours             keep its deletion policy that of the bundle
//	there     ours, deleted    wait until it is gone, then make it again
//	there     somebody else's  leave it alone and say so: BindingConflict
//	gone      none, or theirs  nothing
//	gone      ours             if it is not sure yet, or not for long enough: wait
//	                           else, if no objects are left, or the bundle has a deletion policy: delete it
//	                           else keep it and say so: ExportsWithdrawn
//
// A bundle that is being deleted deletes all bindings of its own, whatever is known of the provider. With a deletion policy
// that is not known, nothing is deleted and no policy passed on.
func Decide(f Facts) Decision {
	d := Decision{Status: *f.Bundle.Status.DeepCopy()}
	if f.Health.PrettyName != "" {
		d.Status.ProviderPrettyName = f.Health.PrettyName
	}
	switch {
	case f.Bundle.DeletionTimestamp != nil:
		d.end(f)
	case f.Known():
		d.follow(f)
	}
	if policyValid(f.Bundle) {
		d.Annotate = unlikeBundle(f)
	}
	d.setConditions(f)
	return d
}

// end unbinds everything. Whoever deletes the bundle with --cascade=orphan wants to keep the bindings: the garbage
// collector then takes the bundle's name off them.
func (d *Decision) end(f Facts) {
	own := ownBindings(f)
	d.Done = len(own) == 0
	orphans := slices.Contains(f.Bundle.Finalizers, metav1.FinalizerOrphanDependents)
	for _, b := range own {
		d.leaving = append(d.leaving, b.Name)
		if b.DeletionTimestamp == nil && !orphans && policyValid(f.Bundle) {
			d.Unbind = append(d.Unbind, b)
		}
	}
}

// follow makes the bindings those of the exports.
func (d *Decision) follow(f Facts) {
	byName := map[string]*kubebindv1alpha2.APIServiceBinding{}
	for i := range f.Bindings {
		byName[f.Bindings[i].Name] = &f.Bindings[i]
	}
	for _, name := range sets.List(f.Exports) {
		switch b := byName[name]; {
		case b == nil:
			d.Bind = append(d.Bind, name)
		case !metav1.IsControlledBy(b, f.Bundle):
			d.conflicts = append(d.conflicts, name)
		case b.DeletionTimestamp != nil:
			d.leaving = append(d.leaving, name)
		}
	}
	for _, b := range ownBindings(f) {
		if !f.Exports.Has(b.Name) {
			d.withdrawn(f, b)
		}
	}
}

func (d *Decision) withdrawn(f Facts, b *kubebindv1alpha2.APIServiceBinding) {
	_, explicit := f.Bundle.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]
	left := f.Remains[b.Name]
	switch {
	case b.DeletionTimestamp != nil:
		d.leaving = append(d.leaving, b.Name)
	case !policyValid(f.Bundle):
	case !settled(b, f.Now), left == RemainsUnknown:
		d.doubtful = append(d.doubtful, b.Name)
		d.lookAgain(settle)
	case explicit, left == RemainsNothing:
		d.leaving = append(d.leaving, b.Name)
		d.Unbind = append(d.Unbind, b)
	default:
		d.kept = append(d.kept, b.Name)
		d.lookAgain(lookAgain)
	}
}

func (d *Decision) lookAgain(after time.Duration) {
	if d.LookAgain == 0 || after < d.LookAgain {
		d.LookAgain = after
	}
}

// withdrawnBindings are those of the bundle whose export has been gone long enough to ask what is left of them.
func withdrawnBindings(f Facts) []*kubebindv1alpha2.APIServiceBinding {
	if !f.Known() || f.Bundle.DeletionTimestamp != nil {
		return nil
	}
	return slices.DeleteFunc(ownBindings(f), func(b *kubebindv1alpha2.APIServiceBinding) bool {
		return f.Exports.Has(b.Name) || b.DeletionTimestamp != nil || !settled(b, f.Now)
	})
}

// settled says whether the binding itself has been saying for a while that its export is gone. It says something else
// when the provider is away, refuses the credential, or has removed the consumer.
func settled(b *kubebindv1alpha2.APIServiceBinding, now time.Time) bool {
	c := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionConnected)
	if c == nil || c.Status != metav1.ConditionFalse || now.Sub(c.LastTransitionTime.Time) < settle {
		return false
	}
	return c.Reason == kubebindv1alpha2.ReasonAPIServiceExportNotFound || c.Reason == kubebindv1alpha2.ReasonAPIServiceExportFailed
}

// ownBindings are those that this very bundle made: one that was made again under the same name is another.
func ownBindings(f Facts) []*kubebindv1alpha2.APIServiceBinding {
	var out []*kubebindv1alpha2.APIServiceBinding
	for i := range f.Bindings {
		if metav1.IsControlledBy(&f.Bindings[i], f.Bundle) {
			out = append(out, &f.Bindings[i])
		}
	}
	slices.SortFunc(out, func(a, b *kubebindv1alpha2.APIServiceBinding) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// policyValid says whether the bundle's deletion policy is one that is known, or none.
func policyValid(bundle *kubebindv1alpha2.APIServiceBindingBundle) bool {
	_, valid := kubebindv1alpha2.DeletionPolicy(bundle)
	return valid
}

// unlikeBundle are the bindings of the bundle with another deletion policy. What a binding that is being deleted was told
// is only overruled by an explicit word.
func unlikeBundle(f Facts) []*kubebindv1alpha2.APIServiceBinding {
	want, explicit := f.Bundle.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]
	return slices.DeleteFunc(ownBindings(f), func(b *kubebindv1alpha2.APIServiceBinding) bool {
		have, set := b.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]
		return have == want && set == explicit || b.DeletionTimestamp != nil && !explicit
	})
}
