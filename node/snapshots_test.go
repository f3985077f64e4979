package node

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// shared is a log buffer that several goroutines write.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) count(word string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), word)
}

// withOneBehind runs do in a cluster of three in which one is away and needs one of the snapshots
// that the leader has taken since.
func withOneBehind(t *testing.T, do func(t *testing.T, l *lab, said *shared, leader *Node, away string)) {
	t.Helper()
	var said shared
	tweak := func(c *Config) {
		smallSnapshots(c)
		c.Logger = slog.New(slog.NewTextHandler(&said, nil))
	}
	inBubble(t, 3, tweak, func(t *testing.T, l *lab) {
		leader := l.leader()
		away := l.followers()[0].cfg.Session.Server
		l.crash(away)
		for leader.snapshots.taken.Load() < 3 {
			write(leader, "incr", "n")
		}
		do(t, l, &said, leader, away)
	})
}

// A leader whose newest snapshot is damaged notices that once, says it once, and takes another at
// once. The follower that needs it does not wait until the next one is due.
func TestADamagedSnapshotIsReplacedAtOnce(t *testing.T) {
	withOneBehind(t, func(t *testing.T, l *lab, said *shared, leader *Node, away string) {
		l.eventually("no snapshot is under way", func() bool { return !leader.snapshots.running.Load() })
		snapshots := l.disks[leader.cfg.Session.Server].snapshots
		spoilt, taken := snapshots.spoil(), leader.snapshots.taken.Load()
		l.want(write(leader, "set", "k", "1"), reply.OK) // too little for a snapshot to be due
		begun := time.Now()
		n := l.start(away)
		l.eventually("it has caught up", func() bool { return n.Ready() == nil && n.AppliedIndex() == leader.AppliedIndex() })
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("that took %v", took)
		}
		if tries := snapshots.tried(spoilt); tries != 1 {
			t.Errorf("the damaged snapshot was opened %d times", tries)
		}
		if now := leader.snapshots.taken.Load(); now != taken+1 {
			t.Errorf("%d snapshots were taken", now-taken)
		}
		if got := said.count("snapshot " + spoilt + " is damaged"); got == 0 {
			t.Error("nobody has said that the snapshot is damaged")
		}
		if got := said.count("a new one is taken at once"); got != 1 {
			t.Errorf("that a new one is taken was said %d times", got)
		}
		if got := leader.Status().Snapshots.Damaged; got != 1 {
			t.Errorf("the status counts %d damaged snapshots", got)
		}
		l.want(read(n, "get", "k"), reply.Text("1"))
		l.agree()
	})
}

// A leader's snapshot for which there is no room is refused before any of it is stored. The leader
// gets the reason and logs it, too. Once there is room, the follower catches up.
func TestASnapshotThatDoesNotFitIsRefusedUntilThereIsRoom(t *testing.T) {
	withOneBehind(t, func(t *testing.T, l *lab, said *shared, leader *Node, away string) {
		snapshots := l.disks[away].snapshots
		snapshots.full.Store(true)
		created := 0
		snapshots.onNew = func() { created++ }
		n := l.start(away)
		time.Sleep(10 * time.Second)
		if snapshots.mu.Lock(); created > 0 {
			t.Errorf("%d were begun", created)
		}
		snapshots.mu.Unlock()
		if said.count("is refused") == 0 || said.count("no space left on device") < 2 {
			t.Error("follower and leader do not say why")
		}
		snapshots.full.Store(false)
		l.eventually("it has caught up", func() bool { return n.Ready() == nil && n.AppliedIndex() == leader.AppliedIndex() })
		l.agree()
	})
}
