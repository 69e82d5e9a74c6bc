// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Replicas and a group of TestPlan.
const (
	me    = "me"
	other = "other"
	third = "third"
	dead  = "dead"
	shire = "shire"
)

// planCase is a line of the plan's table.
type planCase struct {
	state groupState
	lease lease
	// turn is whose turn it is.
	turn string
	want string
}

func planCases() map[string]planCase {
	held, known, left := groupState{members: true, held: true}, groupState{members: true}, groupState{held: true}
	l := func(holder, askedBy string) lease { return lease{holder: holder, askedBy: askedBy, version: "1"} }
	return map[string]planCase{
		"free, and our turn":                              {known, lease{}, me, "take for me"},
		"free, and another one's turn":                    {known, lease{}, other, ""},
		"free, our turn, and something begun":             {groupState{members: true, busy: true}, lease{}, me, ""},
		"removed under our work":                          {held, lease{}, me, "drop"},
		"ours, and worked on":                             {held, l(me, ""), me, ""},
		"ours, worked on, another one's turn":             {held, l(me, ""), other, ""},
		"ours, and not worked on":                         {known, l(me, ""), me, "take for me"},
		"given to us, though it is not our turn any more": {known, l(me, ""), other, "take for me"},
		"ours, asked for by whose turn it is":             {held, l(me, other), other, "give for other"},
		"ours, not worked on, and asked for":              {known, l(me, other), other, "give for other"},
		"ours, asked for by another one":                  {held, l(me, third), other, ""},
		"ours, asked for by a dead one":                   {held, l(me, dead), dead, ""},
		"another one's, and our turn":                     {known, l(other, ""), me, "ask for other by me"},
		"another one's, our turn, and asked":              {known, l(other, me), me, ""},
		"another one's, asked for by a third":             {known, l(other, third), me, "ask for other by me"},
		"another one's, and not our turn":                 {known, l(other, ""), other, ""},
		"another one's by now":                            {held, l(other, ""), me, "drop"},
		"a dead one's, and our turn":                      {known, l(dead, ""), me, "take for me"},
		"a dead one's that we have asked for":             {known, l(dead, me), me, "take for me"},
		"a dead one's, and another one's turn":            {known, l(dead, ""), other, ""},
		"a dead one's while we work on it":                {held, l(dead, ""), me, "drop"},
		"left, and ours":                                  {left, l(me, other), other, "clear"},
		"unknown, and ours":                               {groupState{}, l(me, ""), me, "clear"},
		"unknown, and another one's":                      {groupState{}, l(other, ""), me, ""},
		"unknown, and a dead one's":                       {groupState{}, l(dead, ""), other, "clear"},
	}
}

// Each line of the plan's table, and what keeps it from being done.
func TestPlan(t *testing.T) {
	for name, tc := range planCases() {
		t.Run(name, func(t *testing.T) { tc.check(t, false) })
	}
}

// What is overdue is everybody's turn, and nothing else is another one.
func TestPlanOverdue(t *testing.T) {
	cases := planCases()
	for _, name := range []string{"free, and another one's turn", "a dead one's, and another one's turn"} {
		tc, found := cases[name]
		if !found || tc.want != "" {
			t.Fatalf("%s: there is no such line, or it says %q", name, tc.want)
		}
		tc.want = "take for me"
		cases[name] = tc
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { tc.check(t, true) })
	}
}

func (tc planCase) check(t *testing.T, overdue bool) {
	t.Helper()
	f := facts{
		self: me, groups: map[string]groupState{},
		lives:   func(id string) bool { return id == me || id == other || id == third },
		turn:    func(_, id string) bool { return id == tc.turn },
		overdue: func(string) bool { return overdue },
	}
	if tc.state != (groupState{}) {
		f.groups[shire] = tc.state
	}
	if tc.lease.version != "" {
		tc.lease.of, tc.lease.key = ofGroup, shire
		f.listed = append(f.listed, tc.lease)
	}
	got := ""
	for _, s := range plan(f) {
		got += string(s.verb)
		if s.verb == take || s.verb == ask || s.verb == give {
			got += " for " + s.lease.holder
		}
		if s.verb == ask {
			got += " by " + s.lease.askedBy
		}
		if s.lease.version != tc.lease.version || s.lease.key != shire || s.lease.of != ofGroup {
			t.Errorf("the step is for %+v", s.lease)
		}
	}
	if got != tc.want {
		t.Errorf("got %q, want %q", got, tc.want)
	}
}

// Leases of dead replicas are cleared, those of others and our own are not.
func TestPlanClearsTheDead(t *testing.T) {
	replica := func(id string) lease { return lease{of: ofReplica, key: id, holder: id, version: "1"} }
	steps := plan(facts{
		self: "me", listed: []lease{replica("me"), replica("other"), replica("dead")},
		lives: func(id string) bool { return id == "other" }, turn: func(string, string) bool { return true },
		overdue: func(string) bool { return true },
	})
	if len(steps) != 1 || steps[0].verb != clear || steps[0].lease.key != "dead" {
		t.Errorf("got %+v", steps)
	}
}

// Who lives follows from when this replica has seen a change, and not from anybody's clock.
func TestRoll(t *testing.T) {
	const patience = 15 * time.Second
	r, start := newRoll(patience), time.Now()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	replica := func(id string, version int) lease {
		return lease{of: ofReplica, key: id, holder: id, version: fmt.Sprint(version)}
	}
	group := lease{of: ofGroup, key: "g", holder: "nameless", askedBy: "asking", version: "1"}
	check := func(seconds int, want ...string) {
		t.Helper()
		var lives []string
		for _, id := range []string{"a", "asking", "b", "nameless"} {
			if r.lives(id, at(seconds)) {
				lives = append(lives, id)
			}
		}
		if !slices.Equal(lives, want) {
			t.Errorf("after %d s %v live, want %v", seconds, lives, want)
		}
	}
	r.note([]lease{replica("a", 1), replica("b", 1), group}, at(0))
	check(0, "a", "asking", "b", "nameless")
	r.note([]lease{replica("a", 2), replica("b", 1), group}, at(10))
	check(15, "a", "asking", "b", "nameless")
	check(16, "a")
	if peers := r.peers("me", at(16)); len(peers) != 2 || peers[0].ID != "a" || peers[1].ID != "me" {
		t.Errorf("the peers are %v", peers)
	}
	// A dead one whose lease is removed stays dead as long as it has a group, and lives again when it says so.
	r.note([]lease{{of: ofGroup, key: "g", holder: "b", version: "1"}}, at(17))
	check(17)
	r.note([]lease{replica("b", 9)}, at(18))
	check(33, "b")
	// Who has no lease is nobody's peer.
	r.note([]lease{group}, at(40))
	check(40, "asking", "nameless")
	if peers := r.peers("me", at(40)); len(peers) != 1 {
		t.Errorf("the peers are %v", peers)
	}
}

// A group is overdue when nobody who lives has had it for the patience, as long as it is known, and in one go.
func TestOverdue(t *testing.T) {
	const patience = 15 * time.Second
	r, start := newRoll(patience), time.Now()
	known := map[string]groupState{shire: {members: true}}
	note := func(seconds int, groups map[string]groupState, listed ...lease) bool {
		now := start.Add(time.Duration(seconds) * time.Second)
		r.note(listed, now)
		r.noteVacant(groups, listed, now)
		return r.overdue(shire, now)
	}
	living := func(version int) lease {
		return lease{of: ofReplica, key: other, holder: other, version: fmt.Sprint(version)}
	}
	theirs := lease{of: ofGroup, key: shire, holder: other, version: "1"}
	for i, step := range []struct {
		at     int
		groups map[string]groupState
		listed []lease
		want   bool
	}{
		{0, known, nil, false},
		{15, known, nil, false},
		{16, known, nil, true},
		{17, nil, nil, false}, // not known any more
		{18, known, nil, false},
		{30, known, []lease{living(1), theirs}, false},
		{46, known, []lease{living(1), theirs}, false}, // its holder is dead from here on, and its Lease may go
		{61, known, []lease{theirs}, false},
		{62, known, nil, true},
		{63, known, []lease{living(2), theirs}, false}, // it lives after all
	} {
		if got := note(step.at, step.groups, step.listed...); got != step.want {
			t.Errorf("step %d, after %d s: overdue is %v", i, step.at, got)
		}
	}
}
