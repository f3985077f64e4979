package node

import (
	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/fsm"
)

// SnapshotDescription is what the content of a snapshot says of itself.
type SnapshotDescription = fsm.Description

// SnapshotPlace is where in the log a snapshot stands.
type SnapshotPlace = fsm.Place

// placedSink is a sink that knows where in the log the snapshot stands, so that
// the content can say it too.
type placedSink interface{ Place() SnapshotPlace }

// pacedSink is a sink that can leave the disk to the log now and then.
type pacedSink interface{ Pace() }

// placed returns the capture as it is written to a sink.
func placed(capture *fsm.Capture, sink raft.SnapshotSink) *fsm.Capture {
	if s, ok := sink.(placedSink); ok {
		return capture.At(s.Place())
	}
	return capture
}
