// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

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
)

// Step is what is to be done about one CRD.
type Step struct {
	// Verdict says what.
	Verdict Verdict
	// CRD is what to create or update to; the present one for InSync, Terminating and Breaking; else nil.
	CRD *apiextensionsv1.CustomResourceDefinition
	// Changed are the versions whose schema an Update changes.
	Changed []string
	// Message says why, for Foreign, Terminating, Invalid and Breaking, and what can be done.
	Message string
}

// Plan compares the CRD that a BoundSchema asks for with the one that is there, nil if there is none. Only a CRD that
// this very binding brought is ever changed.
func Plan(bound *kubebindv1alpha2.BoundSchema, have *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) Step {
	want, err := boundschema.ToCRD(bound)
	if err != nil {
		return Step{Verdict: Invalid, Message: fmt.Sprintf("The provider's schema %s cannot be a CRD: %v.", bound.Name, err)}
	}
	hash, err := boundschema.Hash(bound)
	if err != nil {
		return Step{Verdict: Invalid, Message: fmt.Sprintf("The provider's schema %s cannot be read: %v.", bound.Name, err)}
	}
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, kubebindv1alpha2.SourceSpecHashAnnotation, hash)
	same, err := isAs(want, have)
	if err != nil {
		return Step{Verdict: Invalid, Message: fmt.Sprintf("CustomResourceDefinition %s cannot be compared: %v.", want.Name, err)}
	}
	switch {
	case have == nil:
		want.OwnerReferences = []metav1.OwnerReference{ownerReference(owner)}
		return Step{Verdict: Create, CRD: want}
	case !ownedBy(have, owner):
		return Step{Verdict: Foreign, Message: fmt.Sprintf("This cluster has a CustomResourceDefinition %s that this binding did not bring, and it is left alone. "+
			"Remove it, if nothing here needs it, and the binding goes on.", have.Name)}
	case have.DeletionTimestamp != nil:
		return Step{Verdict: Terminating, CRD: have, Message: fmt.Sprintf("CustomResourceDefinition %s is being deleted; it is made again once it is gone.", have.Name)}
	case same:
		return Step{Verdict: InSync, CRD: have}
	}
	// What was changed here only, with the same schema behind it, is put back.
	if have.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] != hash {
		if breaks := Breaks(have, want); len(breaks) > 0 {
			return Step{Verdict: Breaking, CRD: have, Message: fmt.Sprintf("The provider has changed the schema of %s in a way that would break objects here: %s. "+
				"The old schema stays, and objects go on syncing with it. Ask the provider to take the change back or to make it compatible.", have.Name, list(breaks))}
		}
	}
	next := have.DeepCopy()
	next.Spec = want.Spec
	for key, value := range want.Annotations {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, key, value)
	}
	return Step{Verdict: Update, CRD: next, Changed: changed(have, next)}
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

// ownedBy compares the UID: a binding that was made again under the same name is another one.
func ownedBy(crd *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) bool {
	for _, ref := range crd.OwnerReferences {
		if ref.UID == owner.UID {
			return true
		}
	}
	return false
}

func ownerReference(owner *kubebindv1alpha2.APIServiceBinding) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: kubebindv1alpha2.GroupVersion.String(),
		Kind:       "APIServiceBinding",
		Name:       owner.Name,
		UID:        owner.UID,
		Controller: ptr.To(true),
	}
}

// Ours returns the CRD if this very binding brought it, and nil else.
func Ours(crd *apiextensionsv1.CustomResourceDefinition, owner *kubebindv1alpha2.APIServiceBinding) *apiextensionsv1.CustomResourceDefinition {
	if crd == nil || !ownedBy(crd, owner) {
		return nil
	}
	return crd
}
