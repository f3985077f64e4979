package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kvorum/kvorum/scripts/client"
	"github.com/kvorum/kvorum/scripts/damage/tracer"
)

// sequence is something that changes the directory of a node in several steps,
// each of which may be the last.
type sequence struct {
	title string
	// forked: from directories in which the first node holds entries that nobody
	// has confirmed, and the others hold different ones.
	forked bool
	// fresh: from empty directories.
	fresh bool
	// victim is the number of the node that it is about.
	victim int
	// only is the text that the changes that count have to match, "" for all.
	only string
	// most is the number of changes that count, 0 for all.
	most int
	// play does it, from a cluster that does not run. Errors of what asks nodes
	// that are being ended are none.
	play func(*crash) error
}

var sequences = []sequence{
	{title: "start", play: (*crash).startSequence},
	{title: "first-start", fresh: true, play: (*crash).firstSequence},
	{title: "snapshot", play: (*crash).snapshotSequence},
	{title: "install", victim: 2, play: (*crash).installSequence},
	{title: "truncation", forked: true, play: (*crash).startSequence},
	{title: "writes", most: writesFailedMax, play: (*crash).writesSequence},
	{title: "rotation", only: rotationChanges, play: (*crash).rotationSequence},
}

// rotationChanges are those of a log that goes on in a further segment: every
// change but those within a segment.
const rotationChanges = `wal-meta\.db|^(create|rename|unlink|fallocate|ftruncate) wal/`

// victims are the nodes that are traced.
func (k *crash) victims() []*node {
	if k.all {
		return k.cluster.nodes[:]
	}
	return []*node{k.cluster.nodes[k.sequence.victim]}
}

// struck reports whether the deed has been done: for all nodes the first counts.
func (k *crash) struck() bool {
	for _, n := range k.victims() {
		if n.ended() {
			return true
		}
	}
	return false
}

// settled waits until every node is ready or the deed has been done.
func (k *crash) settled() error {
	return await(prepareWithin, "all nodes to be ready", func() bool {
		if k.struck() {
			return true
		}
		for _, n := range k.cluster.nodes {
			if !n.ready() {
				return false
			}
		}
		return true
	})
}

// order has the victims traced at their next start.
func (k *crash) order(armed bool) {
	for _, n := range k.victims() {
		n.order = &tracer.Order{At: k.at, Deed: k.deed, Armed: armed, Only: k.sequence.only, Repeats: repeatsMax}
	}
}

// startSequence starts all nodes, the victims traced.
func (k *crash) startSequence() error {
	k.order(true)
	if err := k.cluster.start(k.cluster.nodes[:]...); err != nil {
		return err
	}
	return k.settled()
}

// firstSequence founds the cluster.
func (k *crash) firstSequence() error {
	k.order(true)
	for _, n := range k.cluster.nodes {
		if err := n.start(k.place(n)...); err != nil {
			return err
		}
	}
	return k.settled()
}

// snapshotSequence has all nodes take a snapshot.
func (k *crash) snapshotSequence() error {
	if err := k.armed(); err != nil {
		return err
	}
	var saving sync.WaitGroup
	for _, n := range k.cluster.nodes {
		saving.Go(func() {
			conn := client.Conn{Addr: n.addr, Within: prepareWithin}
			defer conn.Close()
			_, _ = ask(&conn, "SAVE") // it is the victim's, or was refused without consequence
		})
	}
	saving.Wait()
	return nil
}

// installSequence empties the third node and lets it join.
func (k *crash) installSequence() error {
	n := k.cluster.nodes[2]
	if err := os.RemoveAll(n.data); err != nil {
		return err
	}
	return k.startSequence()
}

// writesSequence has clients of all nodes write.
func (k *crash) writesSequence() error {
	if err := k.armed(); err != nil {
		return err
	}
	l := startLoad(k.cluster, k.books)
	err := await(prepareWithin, "writes", func() bool { return k.struck() || l.flows() })
	if k.all && k.struck() {
		k.cluster.signalKill() // before anybody's client waits
	}
	l.stop()
	k.contradicted(l.wrong)
	k.books = l.merged()
	return err
}

// rotationSequence writes until the victim's log has a further segment, and a bit.
func (k *crash) rotationSequence() error {
	if err := k.armed(); err != nil {
		return err
	}
	victim := k.victims()[0]
	conn := client.Conn{Addr: k.cluster.nodes[1].addr, Within: askWithin}
	if victim == k.cluster.nodes[1] {
		conn.Addr = k.cluster.nodes[0].addr
	}
	defer conn.Close()
	value := strings.Repeat("\x00", bigValueBytes)
	before, further := segments(victim), 0
	for range bigValuesMax {
		if k.struck() || further == writesBehindRotation {
			return nil
		}
		if _, err := ask(&conn, "SET", "big", value); err != nil && !k.struck() {
			if k.all {
				return nil // the deed is being done
			}
			return fmt.Errorf("fill a segment: %w", err)
		}
		if segments(victim) > before {
			further++
		}
	}
	return errors.New("no segment was filled")
}

// armed starts all nodes with the victims traced, has the first one lead, and
// begins the count.
func (k *crash) armed() error {
	k.order(false)
	if err := k.cluster.start(k.cluster.nodes[:]...); err != nil {
		return err
	}
	if err := k.settled(); err != nil {
		return err
	}
	if err := k.cluster.leads(k.cluster.nodes[0]); err != nil {
		return err
	}
	for _, n := range k.victims() {
		n.arm()
	}
	return nil
}

// segments counts the segments of a node's log.
func segments(n *node) int {
	found, _ := filepath.Glob(filepath.Join(n.data, "wal", "*.wal")) // the pattern is right
	return len(found)
}
