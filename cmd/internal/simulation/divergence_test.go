package simulation

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// The divergence alarm on whole servers: one byte of a value changes in a
// machine's memory, and what follows is seen from outside.

// alarmed is a cluster whose servers' logs are kept.
type alarmed struct {
	*Cluster
	t    *testing.T
	logs *lockedBuffer
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) contains(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.text.String(), text)
}

// inAlarm runs a test on a cluster of servers that are ready, in virtual time.
func inAlarm(t *testing.T, size int, run func(t *testing.T, a *alarmed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logs := &lockedBuffer{}
		logger := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
		a := &alarmed{Cluster: NewCluster(size, rand.New(rand.NewPCG(1, 1)), logger), t: t, logs: logs}
		defer a.Stop()
		for _, id := range a.IDs {
			a.start(id)
		}
		a.await("first start", a.Whole)
		run(t, a)
	})
}

func (a *alarmed) start(id string) {
	a.t.Helper()
	if err := a.Start(id); err != nil {
		a.t.Fatal(err)
	}
}

func (a *alarmed) await(what string, condition func() error) {
	a.t.Helper()
	if err := a.Await(what, time.Minute, condition); err != nil {
		for _, id := range a.IDs {
			if n := a.Node(id); n != nil {
				s := n.Status()
				a.t.Logf("%s: %v in term %d, applied %d, alarm %+v, servers %v", id, s.State, s.Term, s.AppliedIndex, s.Alarm, n.Servers())
			}
		}
		a.t.Fatal(err)
	}
}

// do runs one command on a server, as a client of it.
func (a *alarmed) do(id string, fields ...string) reply.Value {
	call := newCall(fields...)
	n := a.Node(id)
	if call.Command.Route() == command.Log {
		n.Write(a.t.Context(), []*command.Call{call})
	} else {
		n.Read(a.t.Context(), []*command.Call{call})
	}
	return call.Reply
}

func (a *alarmed) must(id string, fields ...string) reply.Value {
	a.t.Helper()
	r := a.do(id, fields...)
	if r.IsError() {
		a.t.Fatalf("%s: %v was answered %q", id, fields, r.Bytes)
	}
	return r
}

func (a *alarmed) leader() string {
	a.t.Helper()
	var leader string
	a.await("a leader", func() error {
		if leader = a.Leader(); leader == "" {
			return fmt.Errorf("there is none")
		}
		return nil
	})
	return leader
}

func (a *alarmed) others(but ...string) []string {
	var others []string
	for _, id := range a.IDs {
		if !strings.Contains(strings.Join(but, " "), id) {
			others = append(others, id)
		}
	}
	return others
}

// flip changes a byte of a value in one server's memory: replies share the
// keyspace's bytes.
func (a *alarmed) flip(id, key string, bit byte) {
	a.t.Helper()
	a.must(id, "get", key).Bytes[0] ^= bit
}

func (a *alarmed) diverged(id string) error {
	if s := a.Node(id).Status().Alarm; !s.Diverged {
		return fmt.Errorf("%s has not diverged: %+v", id, s)
	}
	return nil
}

// refusesClients checks what is seen of a server that does not serve: what it
// answers, and why it says that it is not ready.
func (a *alarmed) refusesClients(id, why, reason string) {
	a.t.Helper()
	for _, fields := range [][]string{{"set", "k", "v"}, {"get", "k"}} {
		if r := a.do(id, fields...); !strings.HasPrefix(string(r.Bytes), "CLUSTERDOWN ") || !strings.Contains(string(r.Bytes), why) {
			a.t.Errorf("%s: %v was answered %q", id, fields, r.Bytes)
		}
	}
	if err := a.Process(id).server.Ready(); err == nil || !strings.Contains(err.Error(), reason) {
		a.t.Errorf("%s is ready, or does not say why not: %v", id, err)
	}
}

// A reply that depends on the byte gives it away within seconds, whoever it
// struck. The majority goes on, and none of its clients sees an error.
func TestAMachineThatDivergesIsFoundWithinSeconds(t *testing.T) {
	for _, struck := range []string{"a follower", "the leader"} {
		t.Run(struck, func(t *testing.T) {
			inAlarm(t, 3, func(t *testing.T, a *alarmed) {
				victim := a.leader()
				if struck == "a follower" {
					victim = a.others(victim)[0]
				}
				sound := a.others(victim)
				a.must(sound[0], "set", "text", "a value long enough")
				a.flip(victim, "text", 1)

				ctx, stop := context.WithCancel(t.Context())
				var clients sync.WaitGroup
				for i, id := range sound {
					clients.Go(func() { // the majority's clients see a pause at most
						for n := int64(1); ctx.Err() == nil; n++ {
							if r := a.do(id, "incr", fmt.Sprint("counter", i)); r.Kind != reply.Integer || r.Int() != n {
								t.Errorf("%s: INCR %d was answered %d %q", id, n, r.Int(), r.Bytes)
							}
							if r := a.do(id, "get", "other"); r.IsError() {
								t.Errorf("%s: GET was answered %q", id, r.Bytes)
							}
							time.Sleep(20 * time.Millisecond)
						}
					})
				}
				a.must(sound[0], "set", "text", "another", "get") // its reply differs on the victim
				begun := time.Now()
				a.await("it is found", func() error { return a.diverged(victim) })
				if took := time.Since(begun); took > 3*time.Second {
					t.Errorf("it took %v", took)
				}
				a.await("another leads", func() error {
					if leader := a.Leader(); leader == "" || leader == victim {
						return fmt.Errorf("%q leads", leader)
					}
					return nil
				})
				if took := time.Since(begun); took > 4*time.Second {
					t.Errorf("until another led it took %v", took)
				}
				a.refusesClients(victim, "differs", "this node has diverged (at index ")
				if !a.logs.contains("level=ERROR msg=\"this node has diverged") {
					t.Error("its log does not say so at level error")
				}
				time.Sleep(10 * time.Second)
				stop()
				clients.Wait()
				for _, id := range sound {
					if err := a.Process(id).server.Ready(); err != nil {
						t.Errorf("%s: %v", id, err)
					}
				}

				// Its data must not be used again; as a new server it is welcome.
				a.Crash(victim)
				if err := a.Start(victim); err == nil || !strings.Contains(err.Error(), "condemned") {
					t.Errorf("it was started on the same data: %v", err)
				}
				a.Wipe(victim)
				a.start(victim)
				a.await("it has been replaced", a.Whole)
				a.must(victim, "get", "text")
				a.await("all agree", a.Agree)
			})
		})
	}
}

// What no reply depends on is seen by a digest of the whole state.
func TestAWholeDigestFindsWhatNoReplyShows(t *testing.T) {
	inAlarm(t, 3, func(t *testing.T, a *alarmed) {
		leader := a.leader()
		victim := a.others(leader)[0]
		a.must(leader, "set", "text", "a value long enough")
		a.flip(victim, "text", 1)
		for range 100 {
			a.must(leader, "incr", "n")
			time.Sleep(50 * time.Millisecond)
		}
		if err := a.diverged(victim); err == nil {
			t.Fatal("the running hash has seen it")
		}
		if _, err := a.Node(leader).AskDigest(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		a.await("it is found", func() error { return a.diverged(victim) })
		a.refusesClients(victim, "differs", victim+" has digest ")
	})
}

// Where no majority agrees, nobody is believed: nothing is read or written,
// through whichever server, and nobody is condemned, since anybody's data may
// be the right one.
func TestWithoutAMajorityNothingIsWritten(t *testing.T) {
	for _, of := range []struct {
		name string
		bits []byte // flipped, by server; 0: none
		kept bool   // the flipped bytes have reached the snapshots
	}{
		{name: "two and two", bits: []byte{0, 0, 1, 1}},
		{name: "all different", bits: []byte{0, 1, 2}},
		{name: "two and two, on their disks", bits: []byte{0, 0, 1, 1}, kept: true},
		{name: "all different, on their disks", bits: []byte{0, 1, 2}, kept: true},
	} {
		t.Run(of.name, func(t *testing.T) {
			inAlarm(t, len(of.bits), func(t *testing.T, a *alarmed) {
				leader := a.leader()
				a.must(leader, "set", "text", "a value long enough")
				for i, bit := range of.bits {
					a.flip(a.IDs[i], "text", bit)
				}
				for range 3 * snapshotEntries {
					if of.kept {
						a.must(leader, "incr", "n")
					}
				}
				a.must(leader, "set", "text", "another", "get")
				begun := time.Now()
				a.await("everybody stops", a.split)
				if took := time.Since(begun); took > 4*time.Second {
					t.Errorf("it took %v", took)
				}
				before := a.Node(leader).LastIndex()
				for _, id := range a.IDs {
					a.refusesClients(id, "no majority", "no majority of them agrees (at index ")
				}
				if !a.logs.contains("level=ERROR msg=\"the nodes have diverged, and no majority agrees") {
					t.Error("the logs do not say so at level error")
				}
				time.Sleep(time.Minute)
				if after := a.Node(leader).LastIndex(); after != before {
					t.Errorf("%d entries were written", after-before)
				}
				a.restartAll()
				if of.kept { // what a restart reads is as wrong
					a.await("everybody stops again", a.split)
					a.replaceAllBut(a.leader())
				}
				a.await("a majority serves", func() error {
					for _, id := range a.IDs {
						if r := a.do(id, "set", "text", "served"); !r.IsError() {
							return nil
						}
					}
					return fmt.Errorf("nobody does")
				})
				// A minority has learnt that it is one.
				for _, id := range a.IDs {
					if a.diverged(id) == nil {
						a.replace(id)
					}
				}
				a.await("all serve", a.Whole)
				a.await("all agree", a.Agree)
			})
		})
	}
}

// split returns nil once every server has stopped for want of a majority.
func (a *alarmed) split() error {
	for _, id := range a.IDs {
		n := a.Node(id)
		if n == nil {
			return fmt.Errorf("%s does not run", id)
		}
		if s := n.Status().Alarm; !s.Split || s.Diverged {
			return fmt.Errorf("%s: %+v", id, s)
		}
	}
	return nil
}

// restartAll restarts one after the other, but for those that have found to be
// a minority meanwhile.
func (a *alarmed) restartAll() {
	a.t.Helper()
	for _, id := range a.IDs {
		if a.diverged(id) == nil {
			continue
		}
		a.Crash(id)
		a.start(id)
		a.await("it has caught up", func() error {
			leader := a.Leader()
			if a.Node(id) == nil || leader == "" || a.Node(id).AppliedIndex() < a.Node(leader).AppliedIndex() {
				return fmt.Errorf("%s does not run, or has not", id)
			}
			return nil
		})
		time.Sleep(5 * time.Second)
	}
}

// replaceAllBut replaces the other servers, one by one, by empty ones, first
// those that differ from the one whose data is to stay.
func (a *alarmed) replaceAllBut(right string) {
	a.t.Helper()
	truth, _, _ := a.Node(right).Captures()
	differs := func(id string) bool {
		c, _ := a.Node(id).CaptureAt(truth.Index)
		return c.Hash != truth.Hash
	}
	var first, then []string
	for _, id := range a.others(right) {
		if differs(id) {
			first = append(first, id)
		} else {
			then = append(then, id)
		}
	}
	for _, id := range append(first, then...) {
		a.replace(id)
	}
}

func (a *alarmed) replace(id string) {
	a.t.Helper()
	a.Crash(id)
	a.Wipe(id)
	a.start(id)
	a.await(id+" has been replaced", func() error { return a.replaced(id) })
}

// replaced returns nil once a server's present disk is a voter's.
func (a *alarmed) replaced(id string) error {
	leader := a.Leader()
	if leader == "" {
		return fmt.Errorf("nobody leads")
	}
	for _, s := range a.Node(leader).Servers() {
		if member.ID(s.ID) == id && s.ID == a.disk(id).server() && s.Voter {
			return nil
		}
	}
	return fmt.Errorf("%s is no voter yet", id)
}
