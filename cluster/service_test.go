package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/transport/peer"
)

// inCluster runs f with three servers of one cluster; n1 leads.
func inCluster(t *testing.T, f func(w *world)) {
	t.Helper()
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("a whole cluster", w.whole)
		for _, id := range w.ids {
			<-w.running[id].done
		}
		f(w)
	})
}

func forward(p *process, server, batch string) error {
	errs := make(chan error, 1)
	p.service.Forward(server, []byte(batch), func(err error) { errs <- err })
	return <-errs
}

func TestForwardsKeepTheMeaningOfTheirErrors(t *testing.T) {
	inCluster(t, func(w *world) {
		n2 := w.running["n2"]
		for _, c := range []struct {
			server, batch string
			want          error // nil: committed
		}{
			{"n1@1", "batch", nil}, {"n3@3", "batch", ErrNotLeader}, {"n1@1", "busy", ErrBusy}, {"n1@old", "batch", peer.ErrNotSent},
		} {
			if err := forward(n2, c.server, c.batch); !errors.Is(err, c.want) {
				t.Errorf("%s to %s: %v", c.batch, c.server, err)
			}
		}
		var refused *Refused
		if err := forward(n2, "n1@1", "malformed"); !errors.As(err, &refused) || refused.Text != "no such command" {
			t.Errorf("a refusal became %v", err)
		}
		err := forward(n2, "n1@1", "broken")
		for _, certain := range []error{nil, ErrNotLeader, ErrBusy, ErrStarting, peer.ErrNotSent} {
			if errors.Is(err, certain) {
				t.Errorf("an unknown outcome became %v", err)
			}
		}
	})
}

func TestAForwardIsNeverForwardedAgain(t *testing.T) {
	inCluster(t, func(w *world) {
		a, err := w.running["n2"].service.endpoint.Call(w.t.Context(), "n1@1",
			peer.Request{Kind: kindForward, Class: peer.Bulk, Hops: 2, Payload: []byte("batch")})
		if err != nil || a.Status != statusNotLeader {
			t.Errorf("got status %d, %v", a.Status, err)
		}
	})
}

func TestForwardsOfOneServerArriveInOrder(t *testing.T) {
	inCluster(t, func(w *world) {
		var order []int
		errs := make(chan error, 100)
		for i := range 100 {
			w.running["n2"].service.Forward("n1@1", fmt.Appendf(nil, "batch %d", i), func(err error) {
				order = append(order, i) // answers of one connection come one after the other
				errs <- err
			})
		}
		for range 100 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if !slices.IsSorted(order) {
			t.Errorf("answered in the order %v", order)
		}
	})
}

func TestReadIndexNamesTheAskerOfTheConnection(t *testing.T) {
	inCluster(t, func(w *world) {
		type answer struct {
			r   ReadAnswer
			err error
		}
		answers := make(chan answer, 1)
		w.running["n2"].service.ReadIndex("n1@1", 9, func(r ReadAnswer, err error) { answers <- answer{r, err} })
		if got := <-answers; got.err != nil || got.r != (ReadAnswer{Index: uint64(len("n2@2")), Term: 9, StampMS: -1}) {
			t.Errorf("got %+v", got)
		}
		w.running["n2"].service.ReadIndex("n3@3", 9, func(r ReadAnswer, err error) { answers <- answer{r, err} })
		if got := <-answers; !errors.Is(got.err, ErrNotLeader) {
			t.Errorf("a follower answered %+v", got)
		}
	})
}

func TestTermIsAsked(t *testing.T) {
	inCluster(t, func(w *world) {
		terms := make(chan uint64, 1)
		w.running["n3"].service.Term("n2@2", func(term uint64, err error) {
			if err != nil {
				t.Error(err)
			}
			terms <- term
		})
		if got := <-terms; got != 7 {
			t.Errorf("got %d", got)
		}
	})
}

func TestAServerWithoutMemberSaysThatItIsStarting(t *testing.T) {
	inCluster(t, func(w *world) {
		w.running["n1"].service.attached.Store(nil)
		if err := forward(w.running["n2"], "n1@1", "batch"); !errors.Is(err, ErrStarting) {
			t.Errorf("got %v", err)
		}
	})
}

func TestHealthTellsIndexesReachabilityAndSkew(t *testing.T) {
	inCluster(t, func(w *world) {
		n1 := w.running["n1"].service
		n1.cfg.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		h, err := n1.Inspect(w.t.Context(), "n2@2")
		if err != nil || h.Skew != time.Hour || h.State != (State{Stored: 2, Applied: 1, Term: 7, Leader: "somebody"}) {
			t.Errorf("got %+v, %v", h, err)
		}
		if stored, err := n1.Stored(w.t.Context(), "n2@2"); err != nil || stored != 2 {
			t.Errorf("stored %d, %v", stored, err)
		}
		time.Sleep(2 * watchEvery)
		if h, ok := n1.Health("n3@3"); !ok || !h.Reachable {
			t.Errorf("got %+v, %v", h, ok)
		}
		w.crash("n3")
		time.Sleep(2 * watchEvery)
		if h, ok := n1.Health("n3@3"); !ok || h.Reachable || h.Err == nil {
			t.Errorf("got %+v, %v", h, ok)
		}
		if !w.said("n1: a peer's reachability has changed server=n3@3 reachable=false") {
			t.Error("nobody says so")
		}
	})
}

func TestMembershipIsNotAskedOnTheRequestsOfStrangers(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		p := w.start("n1")
		synctest.Wait()
		for _, kind := range []peer.Kind{kindForward, kindReadIndex, kindTerm, kindState, 99} {
			_, a, err := p.service.endpoint.Ask(w.t.Context(), "n1:1", "", peer.Request{Kind: kind})
			if err != nil || a.Status != statusNoSuch {
				t.Errorf("kind %d: status %d, %v", kind, a.Status, err)
			}
		}
	})
}

// scripted is an Executor that answers with its own name, and a Leadership.
type scripted struct {
	ran  []string
	here bool
	addr string
}

func (s *scripted) run(calls []*command.Call) {
	for _, c := range calls {
		s.ran = append(s.ran, string(c.Args[0]))
		c.Reply = reply.OK
	}
}
func (s *scripted) Write(_ context.Context, calls []*command.Call) { s.run(calls) }
func (s *scripted) Read(_ context.Context, calls []*command.Call)  { s.run(calls) }
func (s *scripted) ReadLocal(_ context.Context, calls []*command.Call) {
	for _, c := range calls {
		c.Reply = reply.Text("local")
	}
}
func (s *scripted) Leader() (bool, string) { return s.here, s.addr }

func callsOf(t *testing.T, lines ...[]string) (calls []*command.Call) {
	t.Helper()
	for _, line := range lines {
		var args [][]byte
		for _, word := range line {
			args = append(args, []byte(word))
		}
		row, refusal := command.Lookup(args)
		if row == nil {
			t.Fatalf("%v: %s", line, refusal.Bytes)
		}
		calls = append(calls, &command.Call{Command: row, Args: args})
	}
	return calls
}

func TestRedirectModeSendsKeyedCommandsToTheLeader(t *testing.T) {
	lines := [][]string{{"set", "foo", "1"}, {"flushall"}, {"mset", "{foo}a", "1", "b", "2"}}
	for _, c := range []struct {
		name      string
		s         scripted
		ran       []string
		set, mset string
	}{
		{"leading", scripted{here: true}, []string{"set", "flushall", "mset"}, "OK", "OK"},
		{"following", scripted{addr: "leader.example:6379"}, []string{"flushall"}, "MOVED 12182 leader.example:6379", "MOVED 12182 leader.example:6379"},
		{"no leader", scripted{}, []string{"flushall"}, downForWrite, downForWrite},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := callsOf(t, lines...)
				(&Redirector{Next: &c.s, Leadership: &c.s}).Write(t.Context(), calls)
				if !slices.Equal(c.s.ran, c.ran) {
					t.Errorf("ran %v, want %v", c.s.ran, c.ran)
				}
				if got := string(calls[0].Reply.Bytes); got != c.set {
					t.Errorf("set: %s", got)
				}
				if got := string(calls[2].Reply.Bytes); got != c.mset {
					t.Errorf("mset: %s", got)
				}
			})
		})
	}
}

// elected is a Leadership whose leader becomes known at a moment.
type elected struct {
	scripted
	at time.Time
}

func (e *elected) Leader() (here bool, addr string) {
	if time.Now().Before(e.at) {
		return false, ""
	}
	return e.scripted.Leader()
}

func TestRedirectModeWaitsForALeader(t *testing.T) {
	const within = 3 * time.Second
	for _, c := range []struct {
		name   string
		leader scripted
		after  time.Duration // until the leader is known
		ends   time.Duration // when ctx does
		want   string
		waited time.Duration
	}{
		{"elsewhere", scripted{addr: "leader.example:6379"}, time.Second, time.Hour, "MOVED 12182 leader.example:6379", time.Second},
		{"here", scripted{here: true}, time.Second, time.Hour, "OK", time.Second},
		{"too late", scripted{here: true}, within + time.Second, time.Hour, downForRead, within},
		{"the client has gone", scripted{here: true}, time.Second, time.Second / 2, downForRead, time.Second / 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.ends)
				defer cancel()
				begun := time.Now()
				e := &elected{c.leader, begun.Add(c.after)}
				r := &Redirector{Next: e, Leadership: e, Within: within}
				r.Read(ctx, callsOf(t, []string{"dbsize"}))
				if waited := time.Since(begun); waited != 0 {
					t.Errorf("what has no keys waited %v", waited)
				}
				gets := callsOf(t, []string{"get", "foo"})
				r.Read(ctx, gets)
				if got := string(gets[0].Reply.Bytes); got != c.want {
					t.Errorf("get: %s", got)
				}
				if waited := time.Since(begun); waited != c.waited {
					t.Errorf("it waited %v, want %v", waited, c.waited)
				}
			})
		})
	}
}

func TestTheAddressBookPrefersTheConfigurationToTheList(t *testing.T) {
	inCluster(t, func(w *world) {
		w.mu.Lock()
		for _, g := range w.groups {
			g.servers = append(g.servers, member.Server{ID: "n4@4", PeerAddr: "n4.example:1"})
		}
		w.mu.Unlock()
		b := addressBook{w.running["n1"].service}
		for server, want := range map[string]string{"n4@4": "n4.example:1", "n2@2": "n2:1", "n2@later": "n2:1", "n9@9": ""} {
			if got, ok := b.Address(server); got != want || ok != (want != "") {
				t.Errorf("%s is at %q, %v", server, got, ok)
			}
		}
	})
}

func TestRedirectModeSendsNobodyAwayWithLocalReads(t *testing.T) {
	calls := callsOf(t, []string{"get", "foo"}, []string{"dbsize"})
	s := &scripted{addr: "leader.example:6379"}
	(&Redirector{Next: s, Leadership: s}).ReadLocal(t.Context(), calls)
	for _, c := range calls {
		if got := string(c.Reply.Bytes); got != "local" {
			t.Errorf("%s: %s", c.Args[0], got)
		}
	}
}
