// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const troubleshootingPage = "../troubleshooting.md"

// Every reason has an entry with a cause and with what to do, once, and no entry is about anything else.
func TestTroubleshooting(t *testing.T) {
	var known []string
	for _, c := range append(others(t), flatten(parse(t, constants, "Reason"))...) {
		known = append(known, c.value)
	}
	entries := regexp.MustCompile(`(?m)^### `).Split(readFile(t, troubleshootingPage), -1)[1:]
	var have []string
	for _, entry := range entries {
		title, text, _ := strings.Cut(entry, "\n")
		reason := strings.Trim(title, "`")
		if title != "`"+reason+"`" || !slices.Contains(known, reason) {
			t.Errorf("there is an entry %s, which no code knows as a reason", title)
			continue
		}
		if slices.Contains(have, reason) {
			t.Errorf("%s has two entries", reason)
		}
		have = append(have, reason)
		if problem := incomplete(text); problem != "" {
			t.Errorf("the entry of %s %s", reason, problem)
		}
	}
	for _, reason := range known {
		if !slices.Contains(have, reason) {
			t.Errorf("%s has no entry", reason)
		}
	}
}

// incomplete is what is wrong with an entry.
func incomplete(entry string) string {
	_, cause, found := strings.Cut(entry, "\n**Cause.** ")
	cause, remedy, complete := strings.Cut(cause, "\n\n**What to do.** ")
	switch {
	case !found || !complete:
		return "does not say the cause and what to do"
	case len(strings.Fields(cause)) < 4 || remedy == "":
		return "says too little"
	}
	return ""
}

func TestIncomplete(t *testing.T) {
	for entry, want := range map[string]bool{
		"\n**Cause.** It is not there yet.\n\n**What to do.** Wait.\n": false,
		"\n**Cause.** It is not there yet.\n":                          true,
		"\n**What to do.** Wait.\n":                                    true,
		"\n**Cause.** Yes.\n\n**What to do.** Wait.\n":                 true,
	} {
		if got := incomplete(entry) != ""; got != want {
			t.Errorf("%q is incomplete: %t", entry, got)
		}
	}
}
