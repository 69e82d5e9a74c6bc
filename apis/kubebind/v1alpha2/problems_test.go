// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"maps"
	"testing"
)

// What one side writes the other reads.
func TestObjectProblems(t *testing.T) {
	for _, tc := range []struct {
		problems ObjectProblems
		want     string
	}{
		{nil, ""},
		{ObjectProblems{"Conflict": 0}, ""},
		{ObjectProblems{"Rejected": 1, "Conflict": 20}, "Not in sync: 20 Conflict, 1 Rejected. See the Events of the objects."},
	} {
		message := tc.problems.Message()
		if message != tc.want {
			t.Errorf("%v: got %q", tc.problems, message)
		}
		conditions := []Condition{FalseCondition(ConditionObjectsInSync, ReasonObjectsFailing, SeverityInfo, message)}
		if got := ReadObjectProblems(conditions); tc.want != "" && !maps.Equal(got, tc.problems) || tc.want == "" && len(got) > 0 {
			t.Errorf("%q: got %v", message, got)
		}
	}
	if got := ReadObjectProblems([]Condition{TrueCondition(ConditionObjectsInSync)}); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if got := ReadObjectProblems(nil); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}
