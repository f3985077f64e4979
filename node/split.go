package node

import (
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
)

// split is a command that travels in parts.
type split struct {
	ticket  *ticket
	call    int
	size    int // of the body
	parts   int
	next    int    // the part to number next
	first   uint64 // the number of the first one
	stamped bool   // every part carries first, so that other batches may come between them
	body    *entry.BodyReader
}

// newSplit prepares to cut the next call of a ticket into parts.
func newSplit(t *ticket) *split {
	c := t.next()
	body := entry.NewBodyReader(entry.Command{DB: c.DB, Args: c.Args})
	size := body.Len()
	return &split{ticket: t, call: t.packed, size: size, parts: (size + entry.PartBytesMax - 1) / entry.PartBytesMax, body: body}
}

// bytes returns the length of the next part.
func (s *split) bytes() int { return min(s.body.Len(), entry.PartBytesMax) }

// part makes the next part, which is to travel under number. Its bytes are in buffer.
func (s *split) part(number uint64, buffer []byte) entry.Batch {
	if s.next == 0 {
		s.first = number
	}
	n := s.body.Read(buffer[:s.bytes()])
	part := entry.Batch{Kind: entry.Part, PartIndex: s.next, PartTotal: s.parts, PartBytes: buffer[:n]}
	if s.stamped {
		part.First = s.first
	}
	s.next++
	return part
}

// isLarge reports whether a call travels in parts.
func isLarge(c *command.Call) bool { return callBytes(c) > entry.BodyBytesMax-countBytes }
