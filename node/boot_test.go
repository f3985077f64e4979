package node

import (
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
)

// A data directory that was restored from an older copy raises its boot number to one that another
// process has used. The stored replies to that process's batches must never be taken for replies
// to this one's.
func TestABootNumberIsNeverUsedByTwoProcesses(t *testing.T) {
	for _, before := range []struct {
		name string
		disk func(*disk) *disk
	}{
		{"with the log of the other", func(d *disk) *disk { return d }},
		{"with an older log", func(*disk) *disk { return nil }},
	} {
		t.Run(before.name, func(t *testing.T) {
			inBubble(t, 3, nil, func(t *testing.T, l *lab) {
				n := l.followers()[1] // the founder would begin anew
				id := n.cfg.Session.Server
				for range 5 {
					write(n, "incr", "k")
				}
				l.crash(id)
				l.boots[id]--
				l.disks[id] = before.disk(l.disks[id])
				again := l.start(id)
				for range 5 {
					if got := write(again, "incr", "k"); !strings.HasPrefix(string(got.Bytes), "CLUSTERDOWN") {
						t.Fatalf("got %q %d", got.Bytes, got.Int())
					}
				}
				l.eventually("it has stopped", func() bool { return again.Err() != nil })
				if text := again.Err().Error(); !strings.Contains(text, "another process has run as "+id+" with boot number 1") {
					t.Error(text)
				}
				l.crash(id)
				l.want(read(l.leader(), "get", "k"), reply.Text("5"))
			})
		})
	}
}
