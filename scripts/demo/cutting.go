package main

import (
	"fmt"
	"sync"

	"github.com/kvorum/kvorum/fsm/reply"
)

// phase says where a partition demo stands.
type phase int

const (
	whole phase = iota
	apart
	healed
)

// kind names what a client asks of a node.
type kind int

const (
	write kind = iota
	confirmedRead
	readonlyRead
)

// cutting is the clients' book of a cut: what each node answered while it
// lasted. A nil one keeps no book.
type cutting struct {
	mu    sync.Mutex
	phase phase
	said  map[string]map[kind]string // what each node's clients heard last
	books map[string]map[kind]*book  // of what was asked and answered during the cut
	stale []string                   // confirmed reads that missed an acknowledged write
}

// book counts answers.
type book struct{ done, failed int64 }

// heard is one answer, and when it was asked for.
type heard struct {
	asked  phase
	result outcome
	answer reply.Value
	err    error
}

func newCutting() *cutting {
	return &cutting{said: map[string]map[kind]string{}, books: map[string]map[kind]*book{}}
}

// enter begins a phase. The cut is complete before apart begins, and is not
// mended before healed has begun.
func (c *cutting) enter(p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = p
}

// now is the phase, for a client that is about to ask.
func (c *cutting) now() phase {
	if c == nil {
		return whole
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase
}

// heard books an answer; only what was both asked and answered during the cut counts.
func (c *cutting) heard(node string, k kind, h heard) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said[node] == nil {
		c.said[node] = map[kind]string{}
	}
	c.said[node][k] = h.text()
	if h.asked != apart || c.phase != apart {
		return
	}
	b := c.book(node, k)
	if h.result == done {
		b.done++
	} else {
		b.failed++
	}
}

func (c *cutting) book(node string, k kind) *book {
	if c.books[node] == nil {
		c.books[node] = map[kind]*book{}
	}
	if c.books[node][k] == nil {
		c.books[node][k] = &book{}
	}
	return c.books[node][k]
}

// during returns what a node answered while the cut lasted.
func (c *cutting) during(node string, k kind) book {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.book(node, k)
}

// last returns what a node's clients heard last.
func (c *cutting) last(node string, k kind) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said[node][k]
}

// read judges a confirmed read: it may not miss what was acknowledged before it was asked.
func (c *cutting) read(node string, got, floor int64) {
	if got >= floor {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = append(c.stale, fmt.Sprintf("%s read %d after %d was acknowledged", node, got, floor))
}

func (h heard) text() string {
	switch {
	case h.err != nil:
		return h.err.Error()
	case h.answer.Kind == reply.Integer:
		return fmt.Sprint(h.answer.Int())
	}
	return string(h.answer.Bytes)
}

// broken names each promise that a cut of one node has broken.
func (c *cutting) broken(island string, others []string) []string {
	var broken []string
	if b := c.during(island, write); b.done > 0 {
		broken = append(broken, fmt.Sprintf("%s acknowledged %d writes without a majority", island, b.done))
	}
	if b := c.during(island, confirmedRead); b.done > 0 {
		broken = append(broken, fmt.Sprintf("%s answered %d confirmed reads without a majority", island, b.done))
	}
	if b := c.during(island, readonlyRead); b.done == 0 {
		broken = append(broken, island+" answered no READONLY read")
	}
	var written int64
	for _, node := range others {
		written += c.during(node, write).done
	}
	if written == 0 {
		broken = append(broken, "the majority did not go on writing")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(broken, c.stale...)
}
