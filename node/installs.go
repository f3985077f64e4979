package node

import (
	"log/slog"
	"sync"
	"time"
)

// installs counts the snapshots that leaders have sent to this process. One is how a node that was
// away catches up. Several in quick succession mean that it does not catch up: writes arrive
// faster than a snapshot travels, or Raft throws the same snapshot away each time. Nobody else
// would notice.
type installs struct {
	mu      sync.Mutex
	serving bool // Raft runs; earlier restores came from this node's own disk
	count   uint64
	again   uint64 // of count, those that soon followed another
	row     uint64 // the length of the current run of such repetitions
	last    time.Time
}

// begin records that the restore at start is over.
func (i *installs) begin() {
	i.mu.Lock()
	i.serving = true
	i.mu.Unlock()
}

// installed records a restored snapshot.
func (i *installs) installed(index uint64, log *slog.Logger) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.serving {
		return
	}
	now := time.Now()
	soon := i.count > 0 && now.Sub(i.last) <= installRepeatWithin
	i.count++
	i.last = now
	if !soon {
		i.row = 0
		log.Info("a snapshot of the leader's is installed", slog.Uint64("index", index))
		return
	}
	i.again++
	i.row++
	log.Warn("a snapshot of the leader's is installed again: this node does not catch up by the log. If this goes on, "+
		"look at its disk, its processor and its network; if these are well, replace it: remove it and start it with an empty data directory",
		slog.Uint64("index", index), slog.Uint64("again", i.row), slog.Duration("within", installRepeatWithin))
}

func (i *installs) counts() (all, again uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.count, i.again
}
