package node

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/reply"
)

// The leader's answers are lost, and everything is sent again and again. The machine applies each
// batch once.
func TestLostAnswersDoubleNothing(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.leader()
		f := l.followers()[0]
		count := 0
		l.mu.Lock()
		l.answerForward = func(_, _ string, err error) error {
			count++
			if count%2 == 0 {
				return errUnreachable
			}
			return err
		}
		l.mu.Unlock()
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for range 25 {
					if r := write(f, "incr", "n"); r.Kind != reply.Integer {
						t.Errorf("answered %q", r.Bytes)
					}
				}
			})
		}
		clients.Wait()
		l.want(read(f, "get", "n"), reply.Text("200"))
	})
}

// The leader refuses some batches and takes later ones: the gap is filled in order.
func TestAGapIsFilledInOrder(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		f := l.followers()[0]
		c := f.session
		l.want(write(f, "set", "k", ""), reply.OK)
		// A batch is lost on its way: the number after it arrives first.
		c.mu.Lock()
		c.next++
		lost := c.encodeEmptyForTest(c.next - 1)
		c.unresolved = append(c.unresolved, lost)
		c.sent = len(c.unresolved)
		lost.sends, lost.sentAt = 1, time.Now()
		c.mu.Unlock()
		begun := time.Now()
		l.want(write(f, "append", "k", "a"), reply.Int(1))
		if took := time.Since(begun); took > 500*time.Millisecond {
			t.Fatalf("it took %v", took)
		}
		l.want(read(leader, "get", "k"), reply.Text("a"))
	})
}

// encodeEmptyForTest returns an encoded batch without commands.
func (s *session) encodeEmptyForTest(number uint64) *batch {
	b := &batch{number: number}
	s.unresolved = append(s.unresolved, b)
	s.blank(b)
	s.unresolved = s.unresolved[:len(s.unresolved)-1]
	return b
}

// Without a quorum, what was sent is UNCERTAIN and what was not is CLUSTERDOWN. Neither is applied
// later, and the session goes on without a gap.
func TestTimeOutsAreToldApartAndNothingIsAppliedLater(t *testing.T) {
	inBubble(t, 3, func(c *Config) { c.WriteTimeout = 3 * time.Second }, func(t *testing.T, l *lab) {
		leader := l.leader()
		f := l.followers()[0]
		l.want(write(f, "set", "k", "0"), reply.OK)
		var others []string
		for id := range l.all() {
			if id != f.cfg.Session.Server {
				others = append(others, id)
			}
		}
		// The leader takes the batch and dies with it.
		l.mu.Lock()
		taken := make(chan struct{})
		var once sync.Once
		l.beforeForward = func(_, _ string) { once.Do(func() { close(taken) }) }
		l.mu.Unlock()
		var release []func()
		for id := range l.all() { // the entry cannot be stored
			release = append(release, l.disks[id].slow.hold())
		}
		var clients sync.WaitGroup
		clients.Go(func() {
			if r := write(f, "incr", "sent"); !strings.HasPrefix(string(r.Bytes), "UNCERTAIN") {
				t.Errorf("what was sent was answered %q", r.Bytes)
			}
		})
		<-taken
		time.Sleep(10 * time.Millisecond)
		for _, id := range others {
			l.isolate(id, true)
		}
		clients.Wait()
		for _, disk := range release { // before their servers end for it
			disk()
		}
		l.eventually("no leader", func() bool { return f.Leader() == "" })
		if r := write(f, "incr", "unsent"); !strings.HasPrefix(string(r.Bytes), "CLUSTERDOWN") {
			t.Errorf("what was never sent was answered %q", r.Bytes)
		}
		if r := read(f, "get", "k"); !strings.HasPrefix(string(r.Bytes), "CLUSTERDOWN no leader confirmed") {
			t.Errorf("an unconfirmed read was answered %q", r.Bytes)
		}
		_ = leader
	})
}

// After an UNCERTAIN due to a time-out, an empty batch uses up the number. So the write is not
// applied when the cluster comes back.
func TestWhatTimedOutIsNotAppliedAnHourLater(t *testing.T) {
	inBubble(t, 3, func(c *Config) { c.WriteTimeout = 2 * time.Second }, func(t *testing.T, l *lab) {
		l.leader()
		f := l.followers()[0]
		id := f.cfg.Session.Server
		l.want(write(f, "set", "k", "0"), reply.OK)
		l.mu.Lock()
		l.answerForward = func(_, _ string, err error) error { return errUnreachable }
		l.mu.Unlock()
		l.isolate(id, true)
		r := write(f, "incr", "n") // forwarded into the void
		if !strings.HasPrefix(string(r.Bytes), "UNCERTAIN") {
			t.Fatalf("answered %q", r.Bytes)
		}
		time.Sleep(time.Hour)
		l.mu.Lock()
		l.answerForward = nil
		l.mu.Unlock()
		l.isolate(id, false)
		l.leader()
		l.want(write(f, "incr", "m"), reply.Int(1))
		l.want(read(f, "exists", "n"), reply.Int(0))
		l.agree()
	})
}

// A command that runs for three seconds on every node delays others, and costs
// no election.
func TestASlowCommandCostsNoElection(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		term := leader.CurrentTerm()
		for _, n := range l.all() { // the next entry takes this long
			n.worker.progress.await(wait{index: n.AppliedIndex() + 1, reached: func() { time.Sleep(3 * time.Second) }})
		}
		var clients sync.WaitGroup
		for i := range 300 {
			n := l.node(l.conf.Servers[i%3].ID)
			clients.Go(func() {
				time.Sleep(time.Duration(i) * 5 * time.Millisecond)
				if r := write(n, "incr", "n"); r.Kind != reply.Integer {
					t.Errorf("answered %q", r.Bytes)
				}
			})
		}
		clients.Wait()
		l.want(read(leader, "get", "n"), reply.Text("300"))
		if leader.CurrentTerm() != term {
			t.Fatalf("term %d became %d", term, leader.CurrentTerm())
		}
	})
}

// A full line makes Write wait, not fail.
func TestAFullLineMakesWritersWait(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		value := strings.Repeat("v", 100<<10)
		var clients sync.WaitGroup
		for i := range 400 { // 40 MB
			clients.Go(func() { l.want(write(leader, "set", fmt.Sprint(i), value), reply.OK) })
		}
		clients.Wait()
		l.want(read(leader, "dbsize"), reply.Int(400))
	})
}
