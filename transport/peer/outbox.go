package peer

import (
	"net"
	"sync"
)

// outbox gathers the frames for one connection. Senders add their frames and go on, and at most one
// goroutine at a time writes everything that has gathered, so frames coalesce exactly when the
// connection is busy. The writer is a goroutine of the connection's own (drain). To save a switch
// of goroutines, it can also be the connection's reader (hold, release). The lock is never held
// during a write.
type outbox struct {
	mu      sync.Mutex
	buf     []byte
	spare   []byte        // an empty buffer for reuse
	writing bool          // somebody is writing and will see frames that are added meanwhile
	wake    chan struct{} // capacity 1: there is something to write, and nobody writes
	room    chan struct{} // capacity 1: buf was taken
}

func newOutbox() outbox {
	return outbox{wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// add appends a frame. The caller holds mu and calls rouse afterwards.
func (b *outbox) add(f frame) { b.buf = appendFrame(b.buf, f) }

// rouse wakes drain to write what was added. The caller holds mu.
func (b *outbox) rouse() {
	if !b.writing && len(b.buf) > 0 {
		signal(b.wake)
	}
}

// put appends a frame for drain to write.
func (b *outbox) put(f frame) {
	b.mu.Lock()
	b.add(f)
	b.rouse()
	b.mu.Unlock()
}

// full reports whether too much waits to be written, with more bytes added. The caller holds mu.
func (b *outbox) full(more int) bool { return len(b.buf)+more+headerBytes > outputBytesMax }

// awaitRoom returns true once less than outputBytesMax waits, or false if ended is closed first.
func (b *outbox) awaitRoom(ended <-chan struct{}) bool {
	for {
		b.mu.Lock()
		full := b.full(0)
		b.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-b.room:
		case <-ended:
			return false
		}
	}
}

// take makes the caller the writer and returns what to write. It returns nil if there is nothing to
// write or somebody else is writing.
func (b *outbox) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writing || len(b.buf) == 0 {
		return nil
	}
	return b.swap()
}

// swap takes what has gathered and makes the caller the writer. The caller holds mu.
func (b *outbox) swap() []byte {
	buf := b.buf
	b.buf, b.spare, b.writing = b.spare[:0], nil, true
	signal(b.room)
	return buf
}

// written ends a write and keeps its buffer for reuse. The caller holds mu.
func (b *outbox) written(buf []byte) {
	b.writing = false
	if cap(buf) <= outputBytesKept {
		b.spare = buf
	}
}

// hold keeps added frames from being written until release. It does nothing if somebody is already
// writing. A reader holds the box while it answers a burst of requests.
func (b *outbox) hold() (held bool) {
	b.mu.Lock()
	held = !b.writing
	b.writing = true
	b.mu.Unlock()
	return held
}

// release ends a hold. It writes what has gathered on the caller's goroutine, once; what is added
// meanwhile is left to drain.
func (b *outbox) release(conn net.Conn) (err error) {
	b.mu.Lock()
	if len(b.buf) > 0 {
		buf := b.swap()
		b.mu.Unlock()
		_, err = conn.Write(buf)
		b.mu.Lock()
		b.written(buf)
	}
	b.writing = false
	b.rouse()
	b.mu.Unlock()
	return err
}

// drain writes what has gathered, again and again, until ended is closed or a write fails.
func (b *outbox) drain(conn net.Conn, ended <-chan struct{}) error {
	for {
		select {
		case <-b.wake:
		case <-ended:
			return nil
		}
		for buf := b.take(); buf != nil; {
			if _, err := conn.Write(buf); err != nil {
				return err
			}
			b.mu.Lock()
			b.written(buf)
			buf = nil
			if len(b.buf) > 0 {
				buf = b.swap()
			}
			b.mu.Unlock()
		}
	}
}

// reset empties the box after its connection has ended. The caller holds mu.
func (b *outbox) reset() { b.buf, b.writing = nil, false }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
