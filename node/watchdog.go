package node

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// guardDisk gives the process up when this node leads and one write to its log
// takes too long. Heartbeats do not touch the disk: the others would follow a
// leader that can commit nothing for as long as that lasts (trap 7), and Raft's
// main loop, which could hand over, is the one that waits for the disk.
func (n *Node) guardDisk() {
	look := time.NewTicker(stallLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-n.stop:
			return
		}
		if stalled := n.logs.stalled(); stalled > stallMax && n.raft.State() == raft.Leader {
			n.fail(fmt.Errorf("the disk has not stored an entry for %v while this node leads", stalled.Round(time.Second)))
			return
		}
	}
}
