// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"container/list"
	"sync"
	"time"
)

// shelf keeps things for a while, and only so many: the oldest goes when another would be too many. It is safe for
// concurrent use.
type shelf[V any] struct {
	room int
	life time.Duration
	now  func() time.Time

	lock  sync.Mutex
	order *list.List // of placed[V]; all live equally long, so the oldest, in front, is the first to expire
	byKey map[string]*list.Element
}

// placed is what lies on a shelf.
type placed[V any] struct {
	key     string
	value   V
	expires time.Time
}

func newShelf[V any](room int, life time.Duration, now func() time.Time) *shelf[V] {
	return &shelf[V]{room: room, life: life, now: now, order: list.New(), byKey: map[string]*list.Element{}}
}

// put lays value under a key that is not in use, and returns when it expires.
func (s *shelf[V]) put(key string, value V) time.Time {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.tidy()
	if s.order.Len() >= s.room {
		s.remove(s.order.Front())
	}
	expires := s.now().Add(s.life)
	s.byKey[key] = s.order.PushBack(placed[V]{key, value, expires})
	return expires
}

// get returns what lies under key, if it has not expired.
func (s *shelf[V]) get(key string) (V, bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.find(key)
}

// take is get, for one caller only: it is gone then.
func (s *shelf[V]) take(key string) (V, bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	value, ok := s.find(key)
	if ok {
		s.remove(s.byKey[key])
	}
	return value, ok
}

func (s *shelf[V]) find(key string) (value V, ok bool) {
	s.tidy()
	if e, ok := s.byKey[key]; ok {
		return e.Value.(placed[V]).value, true
	}
	return value, false
}

// tidy removes what has expired: at that very moment, not later.
func (s *shelf[V]) tidy() {
	for e := s.order.Front(); e != nil && !s.now().Before(e.Value.(placed[V]).expires); e = s.order.Front() {
		s.remove(e)
	}
}

func (s *shelf[V]) remove(e *list.Element) {
	delete(s.byKey, s.order.Remove(e).(placed[V]).key)
}
