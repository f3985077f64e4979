package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

func TestRepeatedInstallsAreCountedAndWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		var i installs
		expect := func(what string, count, again uint64, warnings int) {
			t.Helper()
			gotCount, gotAgain := i.counts()
			if got := strings.Count(said.String(), "level=WARN"); gotCount != count || gotAgain != again || got != warnings {
				t.Errorf("%s: %d installs, %d again, %d warnings; want %d, %d, %d", what, gotCount, gotAgain, got, count, again, warnings)
			}
		}
		i.installed(7, log)
		expect("the start's own snapshot", 0, 0, 0)
		i.begin()
		i.installed(10, log)
		expect("the first", 1, 0, 0)
		time.Sleep(installRepeatWithin + time.Second)
		i.installed(20, log)
		expect("a later one", 2, 0, 0)
		time.Sleep(installRepeatWithin / 2)
		i.installed(30, log)
		time.Sleep(installRepeatWithin / 2)
		i.installed(40, log)
		expect("two soon after it", 4, 2, 2)
		if !strings.Contains(said.String(), "again=2") {
			t.Errorf("the log does not say how often:\n%s", said.String())
		}
	})
}

// A follower that falls behind the log twice shows it in its status; what it
// restores at its own start does not count.
func TestAStatusTellsInstalls(t *testing.T) {
	inBubble(t, 3, smallSnapshots, func(t *testing.T, l *lab) {
		leader := l.leader()
		id := l.followers()[0].cfg.Session.Server
		n := l.followers()[0]
		for round := uint64(1); round <= 2; round++ {
			l.isolate(id, true)
			for range 200 {
				write(leader, "incr", "n")
			}
			l.outrun(leader, id)
			l.isolate(id, false)
			l.eventually("an install", func() bool { return n.Status().Snapshots.Installed >= round })
			l.eventually("it has caught up", func() bool { return n.AppliedIndex() == leader.AppliedIndex() })
		}
		if s := n.Status().Snapshots; s.InstalledAgain != s.Installed-1 {
			t.Errorf("of %d installs %d were repeated", s.Installed, s.InstalledAgain)
		}
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
		l.crash(id)
		n = l.start(id)
		l.eventually("it has caught up", func() bool { return n.Ready() == nil })
		if s := n.Status().Snapshots; s.Restored == 0 || s.Installed != 0 {
			t.Errorf("after a restart: %d restored, %d installed", s.Restored, s.Installed)
		}
		l.want(read(n, "get", "n"), reply.Text("400"))
	})
}
