package node

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/entry"
)

// Capture is the digest of this node's machine right after an entry that asked for one. Captures
// of the same index are equal on all nodes, unless one of the nodes has diverged.
type Capture struct {
	Version   uint64 // the active version of the machine
	Index     uint64
	Hash      uint64   // the running hash of all entries and replies up to Index
	Computing bool     // the entry asked for a digest of the whole state, which is being computed
	Whole     bool     // Digest is set
	Digest    [20]byte // of the whole state
	Diverged  bool     // this node is known to have diverged (at whatever index)
}

// Standing says whether a node has a capture of an index.
type Standing uint8

// The standings.
const (
	Missing Standing = iota // no longer kept, skipped by a snapshot, or never asked for
	Ahead                   // the machine has not reached the index
	Kept
)

// captures keeps the last captures of this node's machine, ordered by index. A restore discards
// them all, because they belong to another machine.
type captures struct {
	node *Node

	mu        sync.Mutex
	kept      []Capture
	computing bool          // one whole digest at a time: each holds a capture of the state
	changed   chan struct{} // closed and replaced at every change
	wholeAt   time.Time     // when an entry last asked for a whole digest
}

func newCaptures(n *Node) *captures {
	return &captures{node: n, changed: make(chan struct{}), wholeAt: time.Now()}
}

// note takes a capture if the last entry has asked for one. The worker calls it with the machine
// locked; it takes microseconds.
func (c *captures) note(m *fsm.Machine) {
	asked := m.Asked()
	if asked == entry.NoDigest {
		return
	}
	capture := Capture{Version: uint64(m.Version()), Index: m.Index(), Hash: m.Hash()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) > 0 && c.kept[len(c.kept)-1].Index >= capture.Index {
		return
	}
	if asked == entry.WholeDigest {
		c.wholeAt = time.Now()
		if !c.computing {
			c.computing, capture.Computing = true, true
			state := m.Capture()
			c.node.running.Go(func() { c.compute(state) })
		}
	}
	c.keep(capture)
}

// keep adds a capture and drops the oldest one: of those with a whole digest if there are too many
// of them, otherwise of those without, which come every second.
func (c *captures) keep(capture Capture) {
	c.kept = append(c.kept, capture)
	isWhole := func(c Capture) bool { return c.Whole || c.Computing }
	wholes := 0
	for _, k := range c.kept {
		if isWhole(k) {
			wholes++
		}
	}
	if wholes > wholeCapturesMax {
		at := slices.IndexFunc(c.kept, isWhole)
		c.kept = slices.Delete(c.kept, at, at+1)
	} else if len(c.kept)-wholes > capturesMax {
		at := slices.IndexFunc(c.kept, func(c Capture) bool { return !isWhole(c) })
		c.kept = slices.Delete(c.kept, at, at+1)
	}
	c.tell()
}

// tell wakes those who wait for a change. The caller holds mu.
func (c *captures) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// compute computes the digest of a whole state while traffic goes on. After each piece of work it
// pauses for as long as the piece took, so it never uses more than half of a processor.
func (c *captures) compute(state *fsm.Capture) {
	begun := time.Now()
	piece := begun
	digest, done := state.DigestWhile(func() bool {
		time.Sleep(min(time.Since(piece), digestPauseMax))
		piece = time.Now()
		select {
		case <-c.node.worker.queue.ended:
			return false
		default:
			return true
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.computing = false
	at := slices.IndexFunc(c.kept, func(k Capture) bool { return k.Index == state.Index() && k.Computing })
	if at < 0 {
		return
	}
	c.kept[at].Computing, c.kept[at].Whole, c.kept[at].Digest = false, done, digest
	c.tell()
	if done {
		c.node.log.Info("digest of the whole dataset", slog.Uint64("index", state.Index()), slog.Duration("took", time.Since(begun)))
	}
}

// forget drops all captures because the machine has been replaced.
func (c *captures) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = nil
	c.tell()
}

// wholeAge returns how long ago an entry last asked for a whole digest.
func (c *captures) wholeAge() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.wholeAt)
}

// Captures returns the newest capture, the newest one with a digest of the whole state (each zero
// if there is none), and a channel that is closed at the next change.
func (n *Node) Captures() (newest, whole Capture, changed <-chan struct{}) {
	c, diverged := n.captures, n.HasDiverged()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		k.Diverged = diverged
		newest = k
		if k.Whole {
			whole = k
		}
	}
	return newest, whole, c.changed
}

// CaptureAt returns this node's capture of an index.
func (n *Node) CaptureAt(index uint64) (Capture, Standing) {
	applied := n.AppliedIndex() // read first: a capture that arrives meanwhile is found below
	c := n.captures
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.Index == index {
			k.Diverged = n.HasDiverged()
			return k, Kept
		}
	}
	if index > applied {
		return Capture{}, Ahead
	}
	return Capture{}, Missing
}
