// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ObjectProblems counts the objects of a binding that are not in sync, by reason. The condition ObjectsInSync says it in its
// message, and clients read it from there.
type ObjectProblems map[string]int

// Message is what ObjectsInSync says. It is "" if there are none.
func (p ObjectProblems) Message() string {
	var counts []string
	for _, reason := range slices.Sorted(maps.Keys(p)) {
		if p[reason] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", p[reason], reason))
		}
	}
	if len(counts) == 0 {
		return ""
	}
	return fmt.Sprintf("Not in sync: %s. See the Events of the objects.", strings.Join(counts, ", "))
}

// ReadObjectProblems reads them from the conditions of a binding. There are none if the condition says so, or is not known.
func ReadObjectProblems(conditions []Condition) ObjectProblems {
	out := ObjectProblems{}
	c := FindCondition(conditions, ConditionObjectsInSync)
	if c == nil || c.Reason != ReasonObjectsFailing {
		return out
	}
	for _, found := range regexp.MustCompile(`(\d+) ([A-Za-z]+)[,.]`).FindAllStringSubmatch(c.Message, -1) {
		if n, err := strconv.Atoi(found[1]); err == nil {
			out[found[2]] = n
		}
	}
	return out
}
