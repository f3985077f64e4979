package node

import "context"

// HandOver hands leadership to another voter, if this node leads and there is one. It returns once
// another server is known to lead. Clients are served meanwhile: what arrives waits for the new
// leader.
func (n *Node) HandOver(ctx context.Context) error {
	if !n.IsLeader() || n.voters() < 2 {
		return nil
	}
	return n.handOver(ctx)
}
