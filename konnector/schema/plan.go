// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"

	"kube-bind.io/kube-bind/apis/boundschema"
)

// Verdict says what is to be done about a CRD.
type Verdict int

const (
	// InSync: it is what it should be.
	InSync Verdict = iota
	// Create: it is missing.
	Create
	// Update: it is ours and differs.
	Update
	// Foreign: it has another owner, so it is left alone.
	Foreign
	// Terminating: it is ours and on its way out, so nothing can be done until it is gone.
	Terminating
	// Invalid: the BoundSchema cannot be a CRD.
	Invalid
	// Breaking: it is ours and differs, and the change would break objects that are stored, so it stays as it is.
	Breaking
	// Join: it is another binding's, and objects that it allows are allowed by the BoundSchema, so it will do for both.
	Join
	// Unjoinable: it is another binding's, and does not fit the BoundSchema.
	Unjoinable
)

// Step is what is to be done about one CRD.
type Step struct {
	// Verdict says what.
	Verdict Verdict
	// CRD is what to create or update to; the present one for InSync, Terminating and Breaking if it is ours; else nil.
	CRD *apiextensionsv1.CustomResourceDefinition
	// Changed are the versions whose schema an Update changes.
	Changed []string
	// Message says why, for Foreign, Terminating, Invalid, Breaking and Unjoinable, and what can be done.
	Message string
}

// Plan compares the CRD that a BoundSchema asks for with the one that is there, nil if there is none. Only a CRD that
// bindings brought is ever changed, and its schema by the first of its owners only: see Owners.
func Plan(bound *kubebindv1alpha2.BoundSchema, have *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding,
	owners []*kubebindv1alpha2.APIServiceBinding) Step {
	want, err := boundschema.ToCRD(bound)
	if err != nil {
		return Step{Verdict: Invalid, Message: fmt.Sprintf("The provider's schema %s cannot be a CRD: %v.", bound.Name, err)}
	}
	hash, err := boundschema.Hash(bound)
	if err != nil {
		return Step{Verdict: Invalid, Message: fmt.Sprintf("The provider's schema %s cannot be read: %v.", bound.Name, err)}
	}
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, kubebindv1alpha2.SourceSpecHashAnnotation, hash)
	switch {
	case have == nil:
		want.OwnerReferences = []metav1.OwnerReference{reference(owner, true)}
		return Step{Verdict: Create, CRD: want}
	case len(owners) == 0:
		return Step{Verdict: Foreign, Message: fmt.Sprintf("This cluster has a CustomResourceDefinition %s that this binding did not bring, and it is left alone. "+
			"Remove it, if nothing here needs it, and the binding goes on.", have.Name)}
	case have.DeletionTimestamp != nil:
		return Step{Verdict: Terminating, CRD: Ours(have, owner), Message: fmt.Sprintf("CustomResourceDefinition %s is being deleted; it is made again once it is gone.", have.Name)}
	case owners[0].UID != owner.UID:
		return join(want, have, owner, owners)
	}
	return lead(want, have, owner)
}

// lead plans for the first owner of a CRD.
func lead(want, have *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) Step {
	same, err := isAs(want, have)
	if err != nil {
		return Step{Verdict: Invalid, Message: fmt.Sprintf("CustomResourceDefinition %s cannot be compared: %v.", want.Name, err)}
	}
	if same && leads(have, owner) {
		return Step{Verdict: InSync, CRD: have}
	}
	// What was changed here only, with the same schema behind it, is put back.
	if have.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] != want.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] {
		if breaks := Breaks(have, want); len(breaks) > 0 {
			return Step{Verdict: Breaking, CRD: have, Message: fmt.Sprintf("The provider has changed the schema of %s in a way that would break objects here: %s. "+
				"The old schema stays, and objects go on syncing with it. Ask the provider to take the change back or to make it compatible.", have.Name, list(breaks))}
		}
	}
	next := have.DeepCopy()
	next.Spec, next.OwnerReferences = want.Spec, leading(have, owner)
	for key, value := range want.Annotations {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, key, value)
	}
	return Step{Verdict: Update, CRD: next, Changed: changed(have, next)}
}

// join plans for another owner than the first of a CRD, or for one that wants to be. What the CRD allows must be allowed by
// the provider's schema; what that has besides, objects here cannot have.
func join(want, have *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding, owners []*kubebindv1alpha2.APIServiceBinding) Step {
	breaks, joined, first := Breaks(have, want), Ours(have, owner) != nil, owners[0]
	same := slices.IndexFunc(owners, func(o *kubebindv1alpha2.APIServiceBinding) bool {
		return o.Spec.KubeconfigSecretRef == owner.Spec.KubeconfigSecretRef
	})
	switch {
	case !joined && same >= 0:
		return Step{Verdict: Foreign, Message: fmt.Sprintf("CustomResourceDefinition %s is here already, by the binding %s, from the same provider. "+
			"A cluster binds an API once from each provider.", have.Name, owners[same].Name)}
	case !joined && len(ServedBy(have, want)) == 0:
		return Step{Verdict: Unjoinable, Message: fmt.Sprintf("CustomResourceDefinition %s is here already, by the binding %s, and no version of it is "+
			"one that this provider serves.", have.Name, first.Name)}
	case !joined && len(breaks) > 0:
		return Step{Verdict: Unjoinable, Message: fmt.Sprintf("CustomResourceDefinition %s is here already, by the binding %s, and objects that it allows "+
			"would not do for this provider: %s. Ask one of the providers to make its schema compatible.", have.Name, first.Name, list(breaks))}
	case !joined:
		next := have.DeepCopy()
		next.OwnerReferences = append(next.OwnerReferences, reference(owner, false))
		return Step{Verdict: Join, CRD: next}
	case len(breaks) > 0:
		return Step{Verdict: Breaking, CRD: have, Message: fmt.Sprintf("Objects that CustomResourceDefinition %s allows, which is here by the binding %s, do not do "+
			"for this provider any more: %s. Objects go on syncing, as far as they are accepted. Ask one of the providers to make its schema "+
			"compatible.", have.Name, first.Name, list(breaks))}
	}
	return Step{Verdict: InSync, CRD: have}
}

// isAs says whether a CRD is what is wanted, to the last field: what somebody has added here is drift as well.
func isAs(want, have *apiextensionsv1.CustomResourceDefinition) (bool, error) {
	if have == nil {
		return false, nil
	}
	for key, value := range want.Annotations {
		if have.Annotations[key] != value {
			return false, nil
		}
	}
	return boundschema.SameSpec(want, have)
}

func changed(have, want *apiextensionsv1.CustomResourceDefinition) []string {
	var out []string
	for i := range have.Spec.Versions {
		v := &have.Spec.Versions[i]
		if next := versionNamed(want, v.Name); next != nil && VersionHash(*v) != VersionHash(*next) {
			out = append(out, v.Name)
		}
	}
	return out
}

// maxBreaks is how many breaks a message names.
const maxBreaks = 5

func list(breaks []Break) string {
	texts := make([]string, 0, maxBreaks+1)
	for i, b := range breaks {
		if i == maxBreaks {
			texts = append(texts, fmt.Sprintf("and %d more", len(breaks)-maxBreaks))
			break
		}
		texts = append(texts, b.String())
	}
	return strings.Join(texts, "; ")
}
