package server

import (
	"context"
	"log/slog"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/node"
)

// audited lets the cluster service compare this node's machine with the other
// nodes'. It implements cluster.Audited over the node and its disk.
type audited struct {
	node *node.Node
	disk Disk
	log  *slog.Logger
}

var _ cluster.Audited = audited{}

// This fails to compile unless both packages number the standings alike.
var _ = [1]struct{}{}[cluster.Kept-cluster.Standing(node.Kept)|cluster.Ahead-cluster.Standing(node.Ahead)]

// Captures implements cluster.Audited.
func (a audited) Captures() (newest, whole cluster.Capture, changed <-chan struct{}) {
	n, w, changed := a.node.Captures()
	return cluster.Capture(n), cluster.Capture(w), changed
}

// CaptureAt implements cluster.Audited.
func (a audited) CaptureAt(index uint64) (cluster.Capture, cluster.Standing) {
	c, standing := a.node.CaptureAt(index)
	return cluster.Capture(c), cluster.Standing(standing)
}

// AskDigest implements cluster.Audited.
func (a audited) AskDigest(ctx context.Context, whole bool) (uint64, error) {
	index, err := a.node.AskDigest(ctx, whole)
	return index, toCluster(err)
}

// Judged implements cluster.Audited. A node that has diverged stops serving before it
// marks its disk, because marking may take a while.
func (a audited) Judged(index uint64, v cluster.Verdict, reason string) {
	switch v {
	case cluster.Agrees:
		a.node.Agreed(index)
	case cluster.Split:
		a.node.Split(reason)
	case cluster.Diverged:
		a.node.Diverge(reason)
		if err := a.disk.Condemn(reason); err != nil {
			a.log.Error("the data directory could not be marked as diverged; do not start a server on it again", slog.Any("error", err))
		}
	}
}
