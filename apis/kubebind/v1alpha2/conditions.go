// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionSeverity says how bad a condition with status False is.
type ConditionSeverity string

const (
	// SeverityError means that nothing works until somebody acts.
	SeverityError ConditionSeverity = "Error"
	// SeverityWarning means that something does not work, but it is being tried again.
	SeverityWarning ConditionSeverity = "Warning"
	// SeverityInfo means that something is still on its way, or does not hold up the rest: the reason says which.
	SeverityInfo ConditionSeverity = "Info"
	// SeverityNone is the severity of every condition whose status is not False.
	SeverityNone ConditionSeverity = ""
)

// Condition is one aspect of an object's state.
type Condition struct {
	// type names the aspect. Each type is there at most once.
	//
	// +required
	Type string `json:"type"`
	// status is True, False or Unknown.
	//
	// +required
	Status metav1.ConditionStatus `json:"status"`
	// severity says how bad it is: Error, Warning or Info. It is only set when the status is False.
	//
	// +optional
	Severity ConditionSeverity `json:"severity,omitempty"`
	// lastTransitionTime is when any other field last changed.
	//
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
	// reason says in one word why the status is what it is, for programs.
	//
	// +optional
	Reason string `json:"reason,omitempty"`
	// message says why, for people.
	//
	// +optional
	Message string `json:"message,omitempty"`
}

// Conditioned is an object whose status holds conditions.
//
// +kubebuilder:object:generate=false
type Conditioned interface {
	// GetConditions returns the conditions.
	GetConditions() []Condition
	// SetConditions replaces the conditions.
	SetConditions(conditions []Condition)
}

// TrueCondition returns a condition with status True.
func TrueCondition(conditionType string) Condition {
	return Condition{Type: conditionType, Status: metav1.ConditionTrue}
}

// FalseCondition returns a condition with status False.
func FalseCondition(conditionType, reason string, severity ConditionSeverity, message string) Condition {
	return Condition{
		Type: conditionType, Status: metav1.ConditionFalse, Severity: severity, Reason: reason, Message: message,
	}
}

// UnknownCondition returns a condition with status Unknown.
func UnknownCondition(conditionType, reason, message string) Condition {
	return Condition{Type: conditionType, Status: metav1.ConditionUnknown, Reason: reason, Message: message}
}

// FindCondition returns the condition of a type, or nil. The result points into the given slice.
func FindCondition(conditions []Condition, conditionType string) *Condition {
	for i := range conditions {
		if conditions[i].Type == conditionType {
			return &conditions[i]
		}
	}
	return nil
}

// IsTrue reports whether the condition of a type is there and its status is True.
func IsTrue(conditions []Condition, conditionType string) bool {
	c := FindCondition(conditions, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue
}

// SetCondition puts c in the place of the condition of its type. lastTransitionTime is kept when nothing else differs,
// so that setting the same twice changes nothing; otherwise it is that of c or, where c has none, the present. A
// severity that does not belong to the status is dropped. The result is sorted: Ready first, the rest by type.
func SetCondition(conditions *[]Condition, c Condition) {
	if c.Status != metav1.ConditionFalse {
		c.Severity = SeverityNone
	}
	old := FindCondition(*conditions, c.Type)
	switch {
	case old != nil && sameState(*old, c):
		c.LastTransitionTime = old.LastTransitionTime
	case c.LastTransitionTime.IsZero():
		c.LastTransitionTime = metav1.NewTime(time.Now().UTC().Truncate(time.Second))
	}
	if old != nil {
		*old = c
	} else {
		*conditions = append(*conditions, c)
	}
	sortConditions(*conditions)
}

// RemoveCondition removes the condition of a type, if it is there.
func RemoveCondition(conditions *[]Condition, conditionType string) {
	*conditions = slices.DeleteFunc(*conditions, func(c Condition) bool { return c.Type == conditionType })
}

// SetSummary sets Ready from all other conditions except those of the ignored types. What comes first in this list
// decides: False with severity Error, Warning, Info; Unknown; True. The first by type of those lends Ready its reason
// and message; a Ready that is True has neither. Upstream ranks Unknown last; then an object would be ready before
// everything about it is known. Without other conditions there is no Ready.
func SetSummary(conditions *[]Condition, ignore ...string) {
	var deciding *Condition
	for i := range *conditions {
		c := &(*conditions)[i]
		if c.Type == ConditionReady || slices.Contains(ignore, c.Type) {
			continue
		}
		if deciding == nil || rank(*c) < rank(*deciding) || rank(*c) == rank(*deciding) && c.Type < deciding.Type {
			deciding = c
		}
	}
	if deciding == nil {
		RemoveCondition(conditions, ConditionReady)
		return
	}
	summary := TrueCondition(ConditionReady)
	if deciding.Status != metav1.ConditionTrue {
		summary = *deciding
		summary.Type = ConditionReady
		summary.LastTransitionTime = metav1.Time{}
	}
	SetCondition(conditions, summary)
}

// rank orders conditions by how much they decide about the summary.
func rank(c Condition) int {
	switch {
	case c.Status == metav1.ConditionTrue:
		return 4
	case c.Status != metav1.ConditionFalse:
		return 3
	case c.Severity == SeverityInfo:
		return 2
	case c.Severity == SeverityWarning:
		return 1
	default:
		return 0
	}
}

func sameState(a, b Condition) bool {
	a.LastTransitionTime, b.LastTransitionTime = metav1.Time{}, metav1.Time{}
	return a == b
}

func sortConditions(conditions []Condition) {
	slices.SortStableFunc(conditions, func(a, b Condition) int {
		if (a.Type == ConditionReady) != (b.Type == ConditionReady) {
			if a.Type == ConditionReady {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Type, b.Type)
	})
}
