package server_test

import (
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/corpus/folder"
)

const scripts = "../../../fsm/command/testdata/corpus"

// TestTheCorpusOnAClusterOfThree runs the scripts whose replies a real
// redis-server has given: through the leader, through a follower, and with each
// command through another node than the one before.
func TestTheCorpusOnAClusterOfThree(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader()
	t.Run("through the leader", func(t *testing.T) { folder.Run(t, scripts, func() corpus.Engine { return c.dial(leader) }) })
	t.Run("through a follower", func(t *testing.T) { folder.Run(t, scripts, func() corpus.Engine { return c.dial(follower) }) })
	t.Run("through every node in turn", func(t *testing.T) {
		folder.Run(t, scripts, func() corpus.Engine { return &rotation{conns: []*conn{c.dial("n1"), c.dial("n2"), c.dial("n3")}} })
	})
}

// rotation sends each command through the next node. What belongs to a
// connection is said to all of them.
type rotation struct {
	conns []*conn
	next  int
}

func (r *rotation) Do(args [][]byte) (reply.Value, error) {
	r.next = (r.next + 1) % len(r.conns)
	switch strings.ToLower(string(args[0])) {
	case "select", "hello", "reset", "auth":
		for i, c := range r.conns {
			if i == r.next {
				continue
			}
			if _, err := c.Do(args); err != nil {
				return reply.Value{}, err
			}
		}
	}
	return r.conns[r.next].Do(args)
}
