package node

import (
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// The goal: a write waits for one disk's time and not for two.
func TestAWriteWaitsForTheLeadersAndAFollowersDisksAtTheSameTime(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		l.want(write(leader, "set", "k", "v"), reply.OK) // the followers have confirmed all that there is
		time.Sleep(time.Second)
		const each = 10 * time.Millisecond
		for _, d := range l.disks {
			d.slow.mu.Lock()
			d.slow.takes = each
			d.slow.mu.Unlock()
		}
		for range 20 {
			begun := time.Now()
			l.want(write(leader, "set", "k", "v"), reply.OK)
			if took := time.Since(begun); took > each+each/2 {
				t.Fatalf("a write took %v, one disk's write takes %v", took, each)
			}
		}
		l.agree()
	})
}
