// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// made returns a ring of keys that are that old.
func made(now time.Time, ages ...time.Duration) ring {
	var out ring
	for _, age := range ages {
		at := now.Add(-age).Truncate(time.Second)
		out = append(out, key{id: at.Format(keyStamp) + "-0", made: at, raw: bytes.Repeat([]byte{byte(len(out) + 1)}, keyBytes)})
	}
	return out
}

func TestRotated(t *testing.T) {
	now := newClock().now()
	opts := KeyOptions{Rotation: 24 * time.Hour, Lifetime: time.Hour}
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		ages []time.Duration
		// dropped of the oldest, and whether a new one is added.
		dropped int
		added   bool
	}{
		"none at all":                           {nil, 0, true},
		"a new one":                             {[]time.Duration{0}, 0, false},
		"nearly too old":                        {[]time.Duration{day - time.Second}, 0, false},
		"too old":                               {[]time.Duration{day}, 0, true},
		"one of a clock that is ahead":          {[]time.Duration{-time.Minute}, 0, false},
		"the successor settles":                 {[]time.Duration{day + time.Minute, time.Minute}, 0, false},
		"things of the old one are valid":       {[]time.Duration{day + time.Hour, time.Hour + 2*settling - time.Second}, 0, false},
		"nothing of the old one is valid":       {[]time.Duration{day + time.Hour, time.Hour + 2*settling}, 1, false},
		"nobody came by for days":               {[]time.Duration{5 * day, 4 * day, 3 * day}, 2, true},
		"the last one is kept, however old":     {[]time.Duration{300 * day}, 0, true},
		"one goes and one comes at the instant": {[]time.Duration{2 * day, day}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := made(now, tc.ages...)
			after, changed, err := before.rotated(now, opts)
			if err != nil {
				t.Fatal(err)
			}
			kept := after
			if tc.added {
				kept = after[:len(after)-1]
				if fresh := after[len(after)-1]; fresh.made != now || len(fresh.raw) != keyBytes || bytes.Equal(fresh.raw, make([]byte, keyBytes)) {
					t.Errorf("the new key is %+v", fresh)
				}
			}
			if !slices.EqualFunc(kept, before[tc.dropped:], func(a, b key) bool { return a.id == b.id }) {
				t.Errorf("got %v of %v", kept, before)
			}
			if changed != (tc.added || tc.dropped > 0) {
				t.Errorf("changed is %v", changed)
			}
		})
	}
}

func TestCurrent(t *testing.T) {
	now := newClock().now()
	for name, tc := range map[string]struct {
		ages []time.Duration
		want int
	}{
		"the only one, at once":      {[]time.Duration{0}, 0},
		"the new one has to settle":  {[]time.Duration{time.Hour, settling - time.Second}, 0},
		"the new one has settled":    {[]time.Duration{time.Hour, settling}, 1},
		"none has settled":           {[]time.Duration{2 * time.Second, time.Second}, 0},
		"the newest that has":        {[]time.Duration{3 * time.Hour, time.Hour, settling, 0}, 2},
		"one of a clock far ahead":   {[]time.Duration{time.Hour, -time.Hour}, 0},
		"only one of a clock ahead":  {[]time.Duration{-time.Hour}, 0},
		"ahead, and another settles": {[]time.Duration{settling, -time.Minute}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := made(now, tc.ages...)
			if got := r.current(now); got.id != r[tc.want].id {
				t.Errorf("got %s of %v", got.id, r)
			}
		})
	}
}

// What is in the Secret and no key is no key.
func TestRingOf(t *testing.T) {
	raw := bytes.Repeat([]byte{1}, keyBytes)
	got := ringOf(map[string][]byte{
		"20261102t120000z-b": raw,
		"20261101t120000z-a": raw,
		"20261103t120000z":   raw,
		"20261104t120000z-x": raw[1:],
		"20261105t120000z-x": append(slices.Clone(raw), 0),
		"20261399t120000z-x": raw,
		"README":             []byte("do not touch"),
		"":                   raw,
	})
	var ids []string
	for _, k := range got {
		ids = append(ids, k.id)
	}
	if !slices.Equal(ids, []string{"20261101t120000z-a", "20261102t120000z-b", "20261103t120000z"}) {
		t.Errorf("got %v", ids)
	}
	if back := got.data(); len(back) != 3 || !bytes.Equal(back[ids[0]], raw) {
		t.Errorf("got %v", back)
	}
}

// Ids can be keys of a Secret, tell when they were made, and differ.
func TestNewKey(t *testing.T) {
	now := newClock().now()
	seen := map[string]bool{}
	for range 100 {
		k, err := newKey(now.Add(300 * time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		back := ringOf(map[string][]byte{k.id: k.raw})
		if len(back) != 1 || !back[0].made.Equal(now) || seen[k.id] || seen[string(k.raw)] {
			t.Errorf("got %+v, read as %+v", k, back)
		}
		seen[k.id], seen[string(k.raw)] = true, true
	}
}

// Replicas that start at the same time agree on one key.
func TestReplicasStartTogether(t *testing.T) {
	v, c := newVault(), newClock()
	replicas := make([]replica, 5)
	texts := make([]string, len(replicas))
	var all sync.WaitGroup
	for i := range replicas {
		replicas[i] = newReplica(v, c)
		all.Go(func() { texts[i] = replicas[i].sealNote(t, kindToken, "hello", time.Minute) })
	}
	all.Wait()
	if data := v.data(keysName()); len(data) != 1 {
		t.Errorf("there are %d keys", len(data))
	}
	for _, text := range texts {
		for _, r := range replicas {
			r.opens(t, kindToken, text, "hello")
		}
	}
}

// Over two weeks, whatever one replica seals the others open as long as it is valid, however seldom they read the Secret:
// a key is used only when all know it, and kept as long as it is needed. Nothing older than that stays.
func TestReplicasShareRotatingKeys(t *testing.T) {
	v, c := newVault(), newClock()
	replicas := []replica{newReplica(v, c), newReplica(v, c), newReplica(v, c)}
	type kept struct {
		text  string
		until time.Time
	}
	var valid []kept
	for step := range 14 * 24 * 4 {
		sealer := replicas[step%len(replicas)]
		valid = append(valid, kept{sealer.sealNote(t, kindToken, "hello", time.Hour), c.now().Add(time.Hour)})
		valid = slices.DeleteFunc(valid, func(k kept) bool { return !c.now().Before(k.until) })
		for _, k := range valid {
			for _, r := range replicas {
				r.opens(t, kindToken, k.text, "hello")
			}
		}
		if n := len(v.data(keysName())); n < 1 || n > 3 {
			t.Fatalf("there are %d keys after %d steps", n, step)
		}
		c.pass(15*time.Minute - time.Duration(step%7)*time.Second)
	}
}

// A replica that has just read the keys does not know a new one, and need not: nobody seals with it before it has read
// again.
func TestNewKeySettles(t *testing.T) {
	v, c := newVault(), newClock()
	a, b := newReplica(v, c), newReplica(v, c)
	a.sealNote(t, kindToken, "x", time.Minute)
	b.sealNote(t, kindToken, "x", time.Minute)
	c.pass(24*time.Hour - 30*time.Second)
	b.sealNote(t, kindToken, "b reads", time.Minute)
	c.pass(30 * time.Second)
	a.keys.read = time.Time{}
	a.sealNote(t, kindToken, "a reads and rotates", time.Minute)
	if len(v.data(keysName())) != 2 {
		t.Fatalf("there are %d keys, want 2", len(v.data(keysName())))
	}
	for range 40 {
		before := v.reads
		text := a.sealNote(t, kindToken, "hello", time.Minute)
		reads := v.reads
		b.opens(t, kindToken, text, "hello")
		if v.reads-reads > 1 || reads-before > 1 {
			t.Fatal("keys are looked for that should be known")
		}
		c.pass(5 * time.Second)
	}
}

// Whoever deletes the Secret ends all sessions, within the time that replicas believe in what they have read.
func TestSecretDeleted(t *testing.T) {
	v, c := newVault(), newClock()
	a, b := newReplica(v, c), newReplica(v, c)
	old := a.sealNote(t, kindToken, "old", time.Hour)
	b.opens(t, kindToken, old, "old")
	v.lose()
	c.pass(keysMaxAge)
	fresh := a.sealNote(t, kindToken, "fresh", time.Hour)
	a.refuses(t, kindToken, old)
	b.opens(t, kindToken, fresh, "fresh")
	b.refuses(t, kindToken, old)
}

// Keys that nobody has cost one read of the Secret in a second, however many ask.
func TestUnknownKeysAreCheap(t *testing.T) {
	v, c := newVault(), newClock()
	r, stranger := newReplica(v, c), newReplica(newVault(), c)
	r.sealNote(t, kindToken, "x", time.Minute)
	text := stranger.sealNote(t, kindToken, "hello", time.Hour)
	before := v.reads
	for range 50 {
		r.refuses(t, kindToken, text)
		c.pass(100 * time.Millisecond)
	}
	if got := v.reads - before; got > 6 {
		t.Errorf("%d reads in 5 s", got)
	}
}

// Of what else is in the Secret nothing is used, and what a person adds does no harm.
func TestSecretWithOtherThings(t *testing.T) {
	v, c := newVault(), newClock()
	a := newReplica(v, c)
	text := a.sealNote(t, kindToken, "hello", 48*time.Hour)
	v.mu.Lock()
	v.secrets[keysName()].Data["note"] = []byte("do not touch")
	v.mu.Unlock()
	c.pass(time.Hour)
	newReplica(v, c).opens(t, kindToken, text, "hello")
	c.pass(23 * time.Hour)
	newReplica(v, c).opens(t, kindToken, text, "hello")
	if ids := slices.Sorted(maps.Keys(v.data(keysName()))); len(ids) != 2 {
		t.Errorf("got %v", ids)
	}
}

// Without the API server nobody is let in once what is known is old, and it is not taken for a wrong session.
func TestKeysCannotBeRead(t *testing.T) {
	v, c := newVault(), newClock()
	r := newReplica(v, c)
	text := r.sealNote(t, kindToken, "hello", time.Hour)
	away := errors.New("the API server is away")
	v.fail(away)
	r.opens(t, kindToken, text, "hello")
	c.pass(keysMaxAge)
	var got note
	if err := r.open(t.Context(), kindToken, text, &got); !errors.Is(err, away) || errors.Is(err, ErrNotOurs) {
		t.Errorf("got %v", err)
	}
	if _, err := r.seal(t.Context(), kindToken, got, c.now()); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	v.fail(nil)
	r.opens(t, kindToken, text, "hello")
}

// Somebody who writes the Secret all the time is an error, not an endless loop, and no key is used that was not stored.
func TestSecretIsContended(t *testing.T) {
	v, c := newVault(), newClock()
	newReplica(v, c).sealNote(t, kindToken, "x", time.Hour)
	c.pass(24 * time.Hour)
	r, times := newReplica(v, c), 0
	v.meddle = func() {
		times++
		v.mu.Lock()
		defer v.mu.Unlock()
		v.version++
		v.secrets[keysName()].ResourceVersion = strconv.Itoa(v.version)
	}
	if _, err := r.seal(t.Context(), kindToken, note{}, c.now()); err == nil || times != keyAttempts {
		t.Errorf("got %v after %d attempts", err, times)
	}
	v.meddle = nil
	r.sealNote(t, kindToken, "x", time.Hour)
}
