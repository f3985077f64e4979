// Package logqueue decouples a process from a stream that may stall or break,
// such as the pipe of a log collector. Writing to a Queue never blocks: one
// goroutine writes to the stream. Lines that find the queue full are dropped and
// counted, and a notice of how many is written as soon as the stream accepts lines
// again.
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
	wake   chan struct{} // capacity 1; signals that there is something to write, or that the queue is closed

	mu      sync.Mutex
	waiting []byte          // whole lines
	writing int             // bytes handed to the stream and not yet written
	untold  uint64          // dropped lines that no notice has reported yet
	dropped uint64          // lines dropped since the start
	failing bool            // the stream's last write failed
	flushed []chan struct{} // closed once nothing is waiting
	closed  bool
}

// New starts a queue in front of a stream. notice renders the line that reports how
// many lines were dropped.
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

// Dropped returns how many lines have been lost since the start.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Close ends the queue. It waits up to within for the stream to accept what is
// queued. If the stream has stalled, the writing goroutine stays until it resumes.
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

// run writes to the stream. It is the only goroutine that may block on it.
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

// take returns the lines to write next. If dropped is not 0, the last of them is the
// notice that reports that many dropped lines. The notice may be the only line, so that
// losses are reported even if the process logs nothing more. After a failed write, the
// stream is tried again only with the next line.
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

// took records the outcome of a write; rest is what the stream did not accept.
func (q *Queue) took(rest []byte, dropped uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing, q.failing = 0, err != nil
	if err == nil {
		return
	}
	lost := countLines(rest)
	if dropped > 0 { // the last line is the notice, which does not count as a lost line
		q.untold += dropped
		lost = max(lost, 1) - 1
	}
	q.drop(lost)
}

// over reports whether the queue has ended. If so, it wakes every waiting Close.
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

// drop counts lost lines; the caller holds mu.
func (q *Queue) drop(lines uint64) {
	q.dropped += lines
	q.untold += lines
}

// rouse wakes run; the caller holds mu.
func (q *Queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func countLines(b []byte) uint64 { return uint64(bytes.Count(b, []byte("\n"))) }
