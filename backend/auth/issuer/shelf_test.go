// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"strconv"
	"testing"
	"time"
)

func TestShelf(t *testing.T) {
	now := time.Unix(0, 0)
	s := newShelf[int](3, time.Minute, func() time.Time { return now })
	has := func(want ...string) {
		t.Helper()
		s.tidy()
		for _, key := range want {
			if _, ok := s.get(key); !ok {
				t.Errorf("%s is gone", key)
			}
		}
		if s.order.Len() != len(want) || len(s.byKey) != len(want) {
			t.Errorf("there are %d things in order, %d by their keys, want %d", s.order.Len(), len(s.byKey), len(want))
		}
	}
	has()
	for i, key := range []string{"a", "b", "c"} {
		if expires := s.put(key, i); !expires.Equal(now.Add(time.Minute)) {
			t.Errorf("%s expires at %s", key, expires)
		}
		now = now.Add(time.Second)
	}
	has("a", "b", "c")
	s.put("d", 3)
	has("b", "c", "d")
	if v, ok := s.take("c"); !ok || v != 2 {
		t.Errorf("got %d, %v", v, ok)
	}
	if v, ok := s.take("c"); ok {
		t.Errorf("got %d a second time", v)
	}
	has("b", "d")
	now = time.Unix(61, 0) // b was put there at 1
	has("d")
	now = time.Unix(62, 0)
	has("d")
	now = time.Unix(63, 0)
	has()
}

// TestShelfStaysSmall puts many things and takes most: neither may leave anything behind.
func TestShelfStaysSmall(t *testing.T) {
	s := newShelf[int](maxKept, time.Minute, time.Now)
	for i := range 5 * maxKept {
		key := strconv.Itoa(i)
		s.put(key, i)
		if i%3 == 0 {
			s.take(key)
		}
		if s.order.Len() > maxKept || len(s.byKey) != s.order.Len() {
			t.Fatalf("after %d, there are %d in order, %d by their keys", i, s.order.Len(), len(s.byKey))
		}
	}
	if s.order.Len() != maxKept {
		t.Errorf("there are %d", s.order.Len())
	}
}
