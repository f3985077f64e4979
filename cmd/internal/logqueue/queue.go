// Package logqueue stands between a process and a stream that may stall or
// break, such as the pipe of a log collector. Whoever writes to a Queue never
// waits: one goroutine writes to the stream, lines that find the queue full are
// dropped and counted, and the stream is told how many as soon as it takes
// lines again.
package logqueue

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Queue is an io.Writer of whole lines that never blocks and never fails.
type Queue struct {
	to     io.Writer
	notice func(dropped uint64) []byte
	wake   chan struct{} // capacity 1: there is something to write, or the queue is closed

	mu      sync.Mutex
	waiting []byte          // whole lines
	writing int             // bytes that the stream has not taken yet
	untold  uint64          // lines dropped behind those that wait
	dropped uint64          // lines dropped since the start
	failing bool            // the stream's last write failed
	flushed []chan struct{} // closed when nothing waits
	closed  bool
}

// New starts a queue in front of a stream. notice makes the line that says how many
// lines were dropped.
func New(to io.Writer, notice func(dropped uint64) []byte) *Queue {
	q := &Queue{to: to, notice: notice, wake: make(chan struct{}, 1)}
	go q.run()
	return q
}

// Write queues one or more whole lines, or drops them all.
func (q *Queue) Write(lines []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting)+q.writing+len(lines) > bytesMax {
		q.drop(countLines(lines))
	} else {
		q.waiting = append(q.waiting, lines...)
	}
	q.rouse()
	return len(lines), nil
}

// Dropped counts the lines that the stream has not got since the start.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Close waits until the stream has taken what was queued, for a bounded time, and
// ends the queue. A stream that has stalled keeps its goroutine until it goes on.
func (q *Queue) Close(within time.Duration) {
	flushed := make(chan struct{})
	q.mu.Lock()
	q.flushed = append(q.flushed, flushed)
	q.closed = true
	q.rouse()
	q.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-flushed:
	case <-timer.C:
	}
}

// run is the one goroutine that waits for the stream.
func (q *Queue) run() {
	for range q.wake {
		for lines, dropped := q.take(); lines != nil; lines, dropped = q.take() {
			n, err := q.to.Write(lines)
			q.took(lines[n:], dropped, err)
		}
		if q.over() {
			return
		}
	}
}

// take returns what is to be written next, and how many dropped lines the last one of it tells of.
// That one may stand alone: who falls quiet has the stream told all the same. A stream
// that fails is tried again only with the next line.
func (q *Queue) take() (lines []byte, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 && (q.untold == 0 || q.failing) {
		return nil, 0
	}
	lines, dropped = q.waiting, q.untold
	q.waiting, q.writing, q.untold = nil, len(lines), 0
	if dropped > 0 {
		lines = append(lines, q.notice(dropped)...)
	}
	return lines, dropped
}

// took notes what became of a write.
func (q *Queue) took(rest []byte, dropped uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing, q.failing = 0, err != nil
	if err == nil {
		return
	}
	lost := countLines(rest)
	if dropped > 0 { // the last line is the notice, which is nobody's
		q.untold += dropped
		lost = max(lost, 1) - 1
	}
	q.drop(lost)
}

// over reports whether the queue has ended, and tells those who wait for that.
func (q *Queue) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed || len(q.waiting) > 0 {
		return false
	}
	for _, flushed := range q.flushed {
		close(flushed)
	}
	q.flushed = nil
	return true
}

// drop counts lines that are lost; the caller holds mu.
func (q *Queue) drop(lines uint64) {
	q.dropped += lines
	q.untold += lines
}

// rouse has run look; the caller holds mu.
func (q *Queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func countLines(b []byte) uint64 { return uint64(bytes.Count(b, []byte("\n"))) }
