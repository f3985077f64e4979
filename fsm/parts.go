package fsm

import (
	"bytes"

	"github.com/kvorum/kvorum/fsm/entry"
)

// parts are the pieces of a body that one session has under way.
type parts struct {
	total  int // 0: none are under way
	bytes  int
	pieces [][]byte // immutable; a capture shares them
}

// partState says what became of a part.
type partState uint8

const (
	partKept  partState = iota // kept, or of no use; more may follow
	partWhole                  // it was the last, and the body is whole
	partLost                   // it was the last, and others are missing
)

// add takes the next part, and returns the body when it is whole. A part that
// does not continue those under way abandons them.
func (p *parts) add(b *entry.Batch) (body []byte, state partState) {
	if b.PartIndex == 0 {
		*p = parts{total: b.PartTotal}
	}
	if p.total != b.PartTotal || len(p.pieces) != b.PartIndex || p.bytes+len(b.PartBytes) > partsBytesMax {
		*p = parts{}
		if b.PartIndex == b.PartTotal-1 {
			return nil, partLost
		}
		return nil, partKept
	}
	p.pieces = append(p.pieces, bytes.Clone(b.PartBytes))
	p.bytes += len(b.PartBytes)
	if len(p.pieces) < p.total {
		return nil, partKept
	}
	body = bytes.Join(p.pieces, nil)
	*p = parts{}
	return body, partWhole
}
