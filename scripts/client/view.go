package client

import (
	"fmt"

	"github.com/kvorum/kvorum/fsm/reply"
)

// View holds what a node says of itself.
type View struct {
	Ready         bool
	Leads         bool
	Term, Applied int64
	Hash          string // of all entries and replies up to Applied
}

// Look asks a node what it says of itself.
func (c *Conn) Look() (View, error) {
	status, err := c.Do("RAFT", "STATUS")
	if err != nil {
		return View{}, fmt.Errorf("ask %s: %w", c.Addr, err)
	}
	if status.IsError() {
		return View{}, fmt.Errorf("ask %s: %s", c.Addr, status.Bytes)
	}
	fields := map[string]reply.Value{}
	for i := 0; i+1 < len(status.Elems); i += 2 {
		fields[string(status.Elems[i].Bytes)] = status.Elems[i+1]
	}
	return View{
		Ready:   fields["ready"].Int() == 1,
		Leads:   string(fields["leader"].Bytes) == string(fields["id"].Bytes),
		Term:    fields["term"].Int(),
		Applied: fields["applied-index"].Int(),
		Hash:    string(fields["applied-hash"].Bytes),
	}, nil
}
