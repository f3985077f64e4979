package node

import (
	"sync"
	"time"
)

// Clock is a node's source of time: a wall clock that may be skewed or jump. Differences between
// its readings are monotonic within one process.
type Clock interface {
	Now() time.Time
}

// stamps makes the leader's stamps (design, invariant 2): the larger of the wall clock and the
// last stamp seen plus 99 % of the time since. It keeps fractions of a millisecond; otherwise
// frequent stamps would stand still.
type stamps struct {
	clock  Clock
	mu     sync.Mutex
	lastNS int64
	seenAt time.Time
}

// next returns the stamp of this moment, in milliseconds.
func (s *stamps) next() int64 {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := now.UnixNano()
	if s.lastNS > 0 {
		since := max(now.Sub(s.seenAt), 0)
		ns = max(ns, s.lastNS+int64(since-since/100))
	}
	s.lastNS, s.seenAt = ns, now
	return ns / int64(time.Millisecond)
}

// passed returns the last stamp seen plus the time that has passed here since, in milliseconds. It
// estimates the leader's next stamp without a wall clock.
func (s *stamps) passed() int64 {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastNS == 0 {
		return 0
	}
	return (s.lastNS + int64(max(now.Sub(s.seenAt), 0))) / int64(time.Millisecond)
}

// observe records a stamp that the machine has applied.
func (s *stamps) observe(ms int64) {
	ns := ms * int64(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns > s.lastNS {
		s.lastNS, s.seenAt = ns, s.clock.Now()
	}
}

// until returns about how long it takes before next reaches ms: at least a millisecond, and at
// most tickWaitMax, because a wall clock may jump meanwhile.
func (s *stamps) until(ms int64) time.Duration {
	left := min(max(ms-s.next(), 1), tickWaitMax.Milliseconds())
	return time.Duration(left) * time.Millisecond
}
