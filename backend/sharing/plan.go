// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"cmp"
	"slices"
	"time"

	"sigs.k8s.io/multicluster-runtime/pkg/manager/coordinator/sharded/sharder"
)

// roll is who lives, as far as one replica has seen. The time is its own: it notes when it has seen a lease change.
type roll struct {
	// patience is after how long without a change a replica is dead, and for how long a group is left to whose turn it is.
	patience time.Duration
	seen     map[string]sighting
	// vacant is since when nobody who lives has had a group that is known here.
	vacant map[string]time.Time
}

// sighting is a replica as it was seen last.
type sighting struct {
	// version is that of its lease, "" for who is only named by others.
	version string
	// since is when that version was seen first.
	since time.Time
	// listed is whether it has a lease.
	listed bool
}

func newRoll(patience time.Duration) *roll {
	return &roll{patience: patience, seen: map[string]sighting{}, vacant: map[string]time.Time{}}
}

// note takes a list of leases that was complete before now. A replica that has no lease but a group is given its time as well:
// somebody may have removed its lease, which it then makes anew.
func (r *roll) note(listed []lease, now time.Time) {
	next := map[string]sighting{}
	for _, l := range listed {
		if l.of == ofReplica {
			s, known := r.seen[l.key]
			if !known || s.version != l.version {
				s = sighting{version: l.version, since: now}
			}
			s.listed = true
			next[l.key] = s
		}
	}
	for _, l := range listed {
		for _, id := range []string{l.holder, l.askedBy} {
			if _, known := next[id]; known || id == "" || l.of != ofGroup {
				continue
			}
			s, known := r.seen[id]
			if !known {
				s.since = now
			}
			s.listed = false
			next[id] = s
		}
	}
	r.seen = next
}

// lives tells whether a replica is not dead for sure.
func (r *roll) lives(id string, now time.Time) bool {
	s, known := r.seen[id]
	return known && now.Sub(s.since) <= r.patience
}

// noteVacant takes which of the groups that are known here nobody has who lives. It comes after note.
func (r *roll) noteVacant(groups map[string]groupState, listed []lease, now time.Time) {
	next := map[string]time.Time{}
	for key := range groups {
		next[key] = now
		if since, known := r.vacant[key]; known {
			next[key] = since
		}
	}
	for _, l := range listed {
		if l.of == ofGroup && r.lives(l.holder, now) {
			delete(next, l.key)
		}
	}
	r.vacant = next
}

// overdue tells whether nobody who lives has had a group for so long that whose turn it is may not know it.
func (r *roll) overdue(group string, now time.Time) bool {
	since, vacant := r.vacant[group]
	return vacant && now.Sub(since) > r.patience
}

// peers are the replicas among which groups are shared out, this one included.
func (r *roll) peers(self string, now time.Time) []sharder.PeerInfo {
	out := []sharder.PeerInfo{{ID: self}}
	for id, s := range r.seen {
		if id != self && s.listed && r.lives(id, now) {
			out = append(out, sharder.PeerInfo{ID: id})
		}
	}
	slices.SortFunc(out, func(a, b sharder.PeerInfo) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// groupState is what this replica knows of a group and does with it.
type groupState struct {
	// members tells whether there is a logical cluster to work on.
	members bool
	// held tells whether this replica works on it.
	held bool
	// busy tells whether a step for it is being done.
	busy bool
}

// facts are what a plan depends on.
type facts struct {
	self   string
	listed []lease
	groups map[string]groupState
	// lives tells whether a replica is not dead for sure.
	lives func(id string) bool
	// turn tells whether a group is a replica's turn.
	turn func(group, id string) bool
	// overdue tells whether nobody has had a group for so long that it is everybody's turn who knows it.
	overdue func(group string) bool
}

// verb is what is done about a lease.
type verb string

const (
	// take writes the group's lease, and then works on it.
	take verb = "take"
	// ask writes down that this replica wants to have the group.
	ask verb = "ask"
	// give ends the work on the group, and then hands its lease to who has asked.
	give verb = "give"
	// drop ends the work on a group that is somebody else's by now.
	drop verb = "drop"
	// clear ends the work, if there is any, and removes the lease.
	clear verb = "clear"
)

// step is something to do.
type step struct {
	verb verb
	// lease is what is to be written or removed: see store.
	lease lease
}

// plan returns what this replica does about the leases that were listed. It depends on nothing but the facts; all that is done
// follows from what was written when the list was made, and fails if that has changed.
//
//	the group here  its lease            what is done
//	known           none                 drop, if we work on it; else take, if it is our turn or overdue
//	known           ours                 give, if who has asked lives and it is theirs; else take, unless we work on it
//	known           somebody's           drop, if we work on it; else ask once, if it is our turn
//	known           a dead one's         drop, if we work on it; else take, if it is our turn or overdue
//	left            ours                 clear
//	unknown         a dead one's         clear
//
// A group is overdue when nobody has had it for long: whose turn it is does not know it, for example because it cannot reach the
// workspace. Of all who try one gets it, and whose turn it is asks for it when it knows it. Leases of dead replicas are cleared as well.
func plan(f facts) []step {
	var out []step
	leases := map[string]lease{}
	for _, l := range f.listed {
		switch {
		case l.of == ofGroup:
			leases[l.key] = l
		case l.key != f.self && !f.lives(l.key):
			out = append(out, step{clear, l})
		}
	}
	for key := range f.groups {
		if _, found := leases[key]; !found {
			leases[key] = lease{of: ofGroup, key: key}
		}
	}
	for key, l := range leases {
		if f.groups[key].busy {
			continue
		}
		if v, holder, askedBy := f.decide(f.groups[key], l); v != "" {
			if v != clear {
				l.holder, l.askedBy = holder, askedBy
			}
			out = append(out, step{v, l})
		}
	}
	slices.SortFunc(out, func(a, b step) int { return compare(a.lease, b.lease) })
	return out
}

// decide returns what to do about a group, and what its lease says then.
func (f facts) decide(g groupState, l lease) (v verb, holder, askedBy string) {
	ours, dead, mine := l.holder == f.self, l.holder == "" || !f.lives(l.holder), f.turn(l.key, f.self)
	switch {
	case g.held && !ours:
		return drop, "", ""
	case !g.members && l.version != "" && (ours || dead):
		return clear, "", ""
	case !g.members:
		return "", "", ""
	case ours && l.askedBy != "" && l.askedBy != f.self && f.lives(l.askedBy) && f.turn(l.key, l.askedBy):
		return give, l.askedBy, ""
	case ours && !g.held, dead && !ours && (mine || f.overdue(l.key)):
		return take, f.self, ""
	case !ours && mine && l.askedBy != f.self:
		return ask, l.holder, f.self
	}
	return "", "", ""
}
