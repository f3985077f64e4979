package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
)

// cluster is the three nodes of one worker.
type cluster struct {
	dir   string
	store string // bolt or wal
	nodes [nodeCount]*node
	end   func() // closes the pipe at which the nodes hang
}

// newCluster plans nodes under dir; none runs yet.
func newCluster(kvorum, dir, store string, port int) (*cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the nodes' directory: %w", err)
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the pipe to the nodes: %w", err)
	}
	c := &cluster{dir: dir, store: store, end: func() { writing.Close(); reading.Close() }}
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	for i := range c.nodes {
		id := "n" + strconv.Itoa(i+1)
		c.nodes[i] = &node{id: id, addr: at(port + i), peer: at(port + peerOffset + i), kvorum: kvorum, lifeline: reading,
			data: filepath.Join(dir, id), log: filepath.Join(dir, id+".log")}
		for _, addr := range []string{c.nodes[i].addr, c.nodes[i].peer} {
			free, err := net.Listen("tcp", addr)
			if err != nil {
				c.end()
				return nil, fmt.Errorf("%s is in use; stop what listens there, or choose other ports with -port: %w", addr, err)
			}
			free.Close()
		}
	}
	return c, nil
}

// join returns the flag that a node needs to come to the cluster, or back to it.
func (c *cluster) join(n *node) string {
	var others []string
	for _, other := range c.nodes {
		if other != n {
			others = append(others, other.peer)
		}
	}
	return "--join=" + strings.Join(others, ",")
}

// start starts nodes that have been members.
func (c *cluster) start(nodes ...*node) error {
	for _, n := range nodes {
		if err := n.start(c.join(n), "--log-store="+c.store); err != nil {
			return err
		}
	}
	return nil
}

// kill kills every process.
func (c *cluster) kill() {
	c.signalKill() // all at once
	for _, n := range c.nodes {
		n.kill()
	}
}

// signalKill kills every process and does not wait for its end.
func (c *cluster) signalKill() {
	for _, n := range c.nodes {
		n.signalKill()
	}
}

// close kills every process, and ends for good.
func (c *cluster) close() {
	c.kill()
	c.end()
}

// leads has a node lead: it waits for a leader, and has that hand over.
func (c *cluster) leads(n *node) error {
	return await(prepareWithin, n.id+" to lead", func() bool {
		for _, other := range c.nodes {
			if !other.runs() {
				continue
			}
			view, err := other.admin.Look()
			if err != nil || !view.Leads {
				continue
			}
			if other == n {
				return view.Ready
			}
			hand := client.Conn{Addr: other.addr, Within: askWithin}
			_, _ = hand.Do("RAFT", "TRANSFER", n.id) // it is looked at again
			hand.Close()
		}
		return false
	})
}

// serves waits until a node has answered a write.
func (c *cluster) serves(n *node, b *books, within time.Duration) (wrong []string, err error) {
	conn := client.Conn{Addr: n.addr, Within: askWithin}
	defer conn.Close()
	err = await(within, n.id+" to serve", func() bool {
		if !n.runs() {
			return false
		}
		contradiction, err := b.incr(&conn, "c:"+n.id)
		if contradiction != "" {
			wrong = append(wrong, contradiction)
		}
		return err == nil
	})
	return wrong, err
}

// agree waits until nodes have applied the same index and say what they hold, and
// reports whether that is the same.
func agree(nodes []*node, within time.Duration) (equal bool, err error) {
	var last error
	err = await(within, "one applied index", func() bool {
		var first client.View
		equal = true
		for i, n := range nodes {
			view, err := n.admin.Look()
			if err != nil {
				last = err
				return false
			}
			if i == 0 {
				first = view
			}
			if view.Applied != first.Applied {
				last = fmt.Errorf("%s has applied %d, and %s %d", nodes[0].id, first.Applied, n.id, view.Applied)
				return false
			}
			equal = equal && view.Hash == first.Hash
		}
		var same bool
		same, last = sameDigest(nodes) // which may have to wait for a leader
		equal = equal && same
		return last == nil
	})
	if err != nil {
		return false, fmt.Errorf("%w: %w", err, last)
	}
	return equal, nil
}

func sameDigest(nodes []*node) (bool, error) {
	var digests []string
	for _, n := range nodes {
		conn := client.Conn{Addr: n.addr, Within: askWithin}
		answer, err := ask(&conn, "DEBUG", "DIGEST")
		conn.Close()
		if err != nil {
			return false, fmt.Errorf("digest of %s: %w", n.id, err)
		}
		digests = append(digests, string(answer.Bytes))
	}
	for _, d := range digests {
		if d != digests[0] {
			return false, nil
		}
	}
	return true, nil
}
