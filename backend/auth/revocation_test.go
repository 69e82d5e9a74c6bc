// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newRevocations(v *vault, c *clock) *SecretRevocations {
	out := NewSecretRevocations(v, v, endedName())
	out.now = c.now
	return out
}

// ended wants that a replica thinks so of a session.
func ended(t *testing.T, r *SecretRevocations, session string, want bool) {
	t.Helper()
	if got, err := r.Revoked(t.Context(), session); err != nil || got != want {
		t.Errorf("session %s: got %v, %v", session, got, err)
	}
}

func end(t *testing.T, r *SecretRevocations, session string, expires time.Time) {
	t.Helper()
	if _, err := r.Revoke(t.Context(), session, expires); err != nil {
		t.Fatal(err)
	}
}

// A session that one replica ended is ended at once for it, and a second later for the others.
func TestRevoke(t *testing.T) {
	v, c := newVault(), newClock()
	a, b := newRevocations(v, c), newRevocations(v, c)
	for _, r := range []*SecretRevocations{a, b} {
		ended(t, r, "1", false)
	}
	end(t, a, "1", c.now().Add(time.Hour))
	ended(t, a, "1", true)
	c.pass(revocationsMaxAge)
	ended(t, b, "1", true)
	ended(t, b, "2", false)
	end(t, b, "2", c.now().Add(time.Hour))
	end(t, b, "2", c.now().Add(time.Hour))
	c.pass(revocationsMaxAge)
	ended(t, a, "1", true)
	ended(t, a, "2", true)
	ended(t, newRevocations(v, c), "1", true)
}

// Reading is bounded: a request more does not cost one.
func TestRevokedIsCheap(t *testing.T) {
	v, c := newVault(), newClock()
	r := newRevocations(v, c)
	for range 100 {
		ended(t, r, "1", false)
	}
	if v.reads != 1 {
		t.Errorf("%d reads", v.reads)
	}
}

// The Secret holds what could still be used, also by a replica whose clock is behind, and nothing older.
func TestRevocationsAreForgotten(t *testing.T) {
	v, c := newVault(), newClock()
	behind := &clock{at: c.now().Add(-time.Minute)}
	a, b := newRevocations(v, c), newRevocations(v, behind)
	end(t, a, "1", c.now().Add(time.Hour))
	c.pass(time.Hour)
	behind.pass(time.Hour)
	end(t, a, "2", c.now().Add(time.Hour))
	ended(t, b, "1", true)
	c.pass(2 * time.Hour)
	end(t, a, "3", c.now().Add(time.Hour))
	if data := v.data(endedName()); len(data) != 1 {
		t.Errorf("got %v", data)
	}
}

// Nobody's end gets lost when many end at the same time, as long as each is tried often enough.
func TestRevokeTogether(t *testing.T) {
	v, c := newVault(), newClock()
	var all sync.WaitGroup
	for i := range keyAttempts {
		r := newRevocations(v, c)
		all.Go(func() { end(t, r, fmt.Sprint(i), c.now().Add(time.Hour)) })
	}
	all.Wait()
	for i := range keyAttempts {
		ended(t, newRevocations(v, c), fmt.Sprint(i), true)
	}
}

// Of all that end one session at the same time, whether in one process or several, one is the first.
func TestRevokeIsFirstOnce(t *testing.T) {
	v, c := newVault(), newClock()
	one, other := newRevocations(v, c), newRevocations(v, c)
	// Nobody looks again by itself within a second.
	ended(t, one, "1", false)
	ended(t, other, "1", false)
	var all sync.WaitGroup
	var firsts atomic.Int32
	for _, r := range []*SecretRevocations{one, other, one, other} {
		all.Go(func() {
			first, err := r.Revoke(t.Context(), "1", c.now().Add(time.Hour))
			if err != nil {
				t.Error(err)
			}
			if first {
				firsts.Add(1)
			}
		})
	}
	all.Wait()
	if got := firsts.Load(); got != 1 {
		t.Errorf("%d were the first", got)
	}
}

func TestRevokeFails(t *testing.T) {
	v, c := newVault(), newClock()
	r, away := newRevocations(v, c), errors.New("away")
	end(t, r, "0", c.now().Add(time.Hour))
	v.meddle = func() { v.fail(away) }
	if _, err := r.Revoke(t.Context(), "1", c.now().Add(time.Hour)); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	v.meddle = nil
	v.fail(nil)
	// It is looked up what has become of it.
	ended(t, r, "0", true)
	ended(t, r, "1", false)
}

// What is in the Secret and no session does no harm.
func TestRevocationsWithOtherThings(t *testing.T) {
	v, c := newVault(), newClock()
	r := newRevocations(v, c)
	end(t, r, "1", c.now().Add(time.Hour))
	v.secrets[endedName()].Data["note"] = []byte("do not touch")
	v.secrets[endedName()].Data["old"] = []byte("-9999999999999999999999")
	c.pass(revocationsMaxAge)
	ended(t, r, "1", true)
	ended(t, r, "note", false)
	ended(t, r, "old", false)
}
