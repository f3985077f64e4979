package logqueue

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stream is a stream that a test stalls and breaks.
type stream struct {
	mu    sync.Mutex
	got   strings.Builder
	err   error
	stall chan struct{} // nil: it takes what it is given
}

func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	stall := s.stall
	s.mu.Unlock()
	if stall != nil {
		<-stall
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.got.Write(b)
}

func (s *stream) set(stall chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stall, s.err = stall, err
}

func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

func note(dropped uint64) []byte { return fmt.Appendf(nil, "%d dropped\n", dropped) }

func TestAStalledStreamHoldsNobodyAndIsToldWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		s := &stream{}
		s.set(stall, nil)
		q := New(s, note)
		line := strings.Repeat("x", 1023) + "\n"
		fits := bytesMax / len(line)
		for range fits + 5 {
			if n, err := q.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("a write returned %d, %v", n, err)
			}
		}
		if got := q.Dropped(); got != 5 {
			t.Fatalf("%d lines were dropped, not 5", got)
		}
		s.set(nil, nil)
		close(stall)
		synctest.Wait()
		fmt.Fprintln(q, "after")
		q.Close(time.Minute)
		got := strings.Split(strings.TrimSuffix(s.text(), "\n"), "\n")
		if len(got) != fits+2 || got[fits] != "5 dropped" || got[fits+1] != "after" {
			t.Errorf("%d lines were written, the last ones %q", len(got), got[max(0, len(got)-2):])
		}
	})
}

func TestAStreamThatFailsIsTriedAgainWithEachLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{}
		s.set(nil, errors.New("broken pipe"))
		q := New(s, note)
		for i := range 3 {
			fmt.Fprintln(q, "lost", i)
			synctest.Wait()
		}
		if got := q.Dropped(); got != 3 {
			t.Errorf("%d lines were dropped, not 3", got)
		}
		s.set(nil, nil)
		fmt.Fprintln(q, "taken")
		q.Close(time.Minute)
		if got := s.text(); got != "taken\n3 dropped\n" {
			t.Errorf("the stream has %q", got)
		}
	})
}

// A process must end, though its last words are lost.
func TestCloseDoesNotWaitForAStalledStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		s := &stream{}
		s.set(stall, nil)
		q := New(s, note)
		fmt.Fprintln(q, "line")
		start := time.Now()
		q.Close(time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		close(stall)
	})
}

func TestCloseHandsOverWhatWasQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{}
		q := New(s, note)
		for i := range 100 {
			fmt.Fprintln(q, i)
		}
		q.Close(time.Second)
		fmt.Fprintln(q, "late")
		if got := strings.Count(s.text(), "\n"); got != 100 {
			t.Errorf("%d lines were written", got)
		}
	})
}

// What was dropped is told also if no line comes afterwards.
func TestAStreamIsToldWhatItMissedThoughTheLogFallsQuiet(t *testing.T) {
	large := strings.Repeat("x", bytesMax-1) + "\n"
	t.Run("dropped while all that waited was being written", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stall := make(chan struct{})
			s := &stream{}
			s.set(stall, nil)
			q := New(s, note)
			fmt.Fprint(q, large)
			synctest.Wait() // nothing waits
			fmt.Fprintln(q, "lost")
			s.set(nil, nil)
			close(stall)
			synctest.Wait()
			if got := s.text(); got != large+"1 dropped\n" {
				t.Errorf("the stream has %d bytes, at the end %q", len(got), got[max(0, len(got)-20):])
			}
			q.Close(time.Minute)
		})
	})
	t.Run("larger than the queue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &stream{}
			q := New(s, note)
			fmt.Fprint(q, "x"+large)
			synctest.Wait()
			if got := s.text(); got != "1 dropped\n" {
				t.Errorf("the stream has %d bytes, at the end %q", len(got), got[max(0, len(got)-20):])
			}
			q.Close(time.Minute)
		})
	})
	t.Run("but not while it fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &stream{}
			s.set(nil, errors.New("disk full"))
			q := New(s, note)
			fmt.Fprintln(q, "lost")
			synctest.Wait()
			fmt.Fprint(q, "x"+large)
			synctest.Wait()
			s.set(nil, nil)
			q.Close(time.Minute)
			if got := s.text(); got != "" {
				t.Errorf("the stream has %q", got)
			}
		})
	})
}
