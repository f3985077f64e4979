package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

func TestServersThatStartTogetherFormOneCluster(t *testing.T) {
	for _, size := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inWorld(t, size, func(w *world) {
				for _, id := range w.ids {
					w.start(id)
				}
				w.await("a whole cluster", w.whole)
			})
		})
	}
}

func TestNothingIsFoundedUntilEveryMemberIsThereAndTheMissingAreNamed(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.start("n1")
		w.start("n3")
		time.Sleep(time.Minute)
		if len(w.groups) != 0 || w.disks["n1"].Identity().Cluster != "" {
			t.Fatal("a cluster was founded without n2")
		}
		if !w.said("n1: the first start waits for=n2 at n2:1") {
			t.Errorf("nobody names n2:\n%s", strings.Join(w.messages, "\n"))
		}
		if lines := len(w.messages); lines > 2*14 {
			t.Errorf("%d log lines in a minute", lines)
		}
		w.start("n2")
		w.await("a whole cluster", w.whole)
	})
}

func TestMembersWithoutTheirFounderWaitForIt(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.start("n2")
		w.start("n3")
		time.Sleep(time.Minute)
		if len(w.groups) != 0 {
			t.Fatal("a cluster was founded without its founder")
		}
		w.start("n1")
		w.await("a whole cluster", w.whole)
	})
}

func TestDifferentListsAreRefusedNamingBoth(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.list["n3"] = []Listed{{"n1", "n1:1"}, {"n2", "n2:1"}, {"n3", "n3:1"}, {"n4", "n4:1"}}
		for _, id := range w.ids {
			w.start(id)
		}
		time.Sleep(time.Minute)
		if len(w.groups) != 0 {
			t.Fatal("a cluster was founded from different lists")
		}
		want := "different lists of members: n1@1 was started with n1=n1:1,n2=n2:1,n3=n3:1, n3@3 with n1=n1:1,n2=n2:1,n3=n3:1,n4=n4:1"
		if !w.said(want) {
			t.Errorf("nobody says so:\n%s", strings.Join(w.messages, "\n"))
		}
		w.crash("n3")
		w.list["n3"] = w.list["n1"]
		w.start("n3")
		w.await("a whole cluster", w.whole)
	})
}

func TestAServerAtTheWrongAddressIsNamed(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.list["n1"] = []Listed{{"n1", "n1:1"}, {"n2", "n3:1"}, {"n3", "n2:1"}}
		for _, id := range w.ids {
			w.start(id)
		}
		time.Sleep(10 * time.Second)
		if !w.said("at n3:1 is n3@3, and not n2") || len(w.groups) != 0 {
			t.Errorf("swapped addresses:\n%s", strings.Join(w.messages, "\n"))
		}
	})
}

func TestAPromiseIsStoredOnceAndRefusedToOthers(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		p := w.start("n2")
		h := handler{p.service}
		f := member.Formation{Cluster: "first", Servers: []member.Server{
			{ID: "n1@1", PeerAddr: "n1:1", Voter: true}, {ID: "n2@2", PeerAddr: "n2:1", Voter: true}, {ID: "n3@3", PeerAddr: "n3:1", Voter: true},
		}}
		change := func(edit func(*member.Formation)) []byte {
			g := member.Formation{Cluster: f.Cluster, Servers: append([]member.Server(nil), f.Servers...)}
			edit(&g)
			return encode(g)
		}
		for name, payload := range map[string][]byte{
			"another incarnation of ours":      change(func(f *member.Formation) { f.Servers[1].ID = "n2@old" }),
			"another founder":                  change(func(f *member.Formation) { f.Servers[0].ID = "n1@other" }),
			"another list":                     change(func(f *member.Formation) { f.Servers = f.Servers[:2] }),
			"another address":                  change(func(f *member.Formation) { f.Servers[2].PeerAddr = "elsewhere:1" }),
			"a server that does not vote":      change(func(f *member.Formation) { f.Servers[2].Voter = false }),
			"no cluster":                       change(func(f *member.Formation) { f.Cluster = "" }),
			"bytes that are no formation":      []byte("{"),
			"a message that is much too large": make([]byte, messageBytesMax+1),
		} {
			if err := h.answerPromise("n1@1", payload); err == nil {
				t.Errorf("%s: promised", name)
			}
		}
		if p.disk.Identity().Cluster != "" {
			t.Fatal("a refused promise was stored")
		}
		for range 2 {
			if err := h.answerPromise("n1@1", encode(f)); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.disk.Identity(); got.Promise == nil || !sameFormation(got.Promise, &f) {
			t.Fatalf("stored %+v", got)
		}
		err := h.answerPromise("n1@1", change(func(f *member.Formation) { f.Cluster = "second" }))
		var no *Refused
		if !errors.As(err, &no) || !strings.Contains(no.Text, "promised itself to cluster first, founded by n1@1") {
			t.Errorf("a second promise: %v", err)
		}
	})
}

// fault describes what happens to a process at one point of a start.
type fault struct {
	id    string
	wiped bool
	point string // "dial", "before write" or "after write"
	of    string // whose dial or write it is
	at    int    // which of them
}

func (f fault) String() string {
	what := "crashes"
	if f.wiped {
		what = "is wiped"
	}
	return fmt.Sprintf("%s %s at %s %d of %s", f.id, what, f.point, f.at, f.of)
}

// hit runs a start with one fault in it, restarts the victim after pause, and
// reports whether the point was ever reached.
func (f fault) hit(w *world, pause time.Duration) bool {
	struck := make(chan struct{})
	strike := func() {
		w.process(f.id).kill()
		close(struck)
	}
	if f.point == "dial" {
		w.onDial = func(id string, n int) {
			if id == f.of && n == f.at {
				strike()
			}
		}
	} else {
		n := 0
		w.disks[f.of].setHook(func(after bool) error {
			if after == (f.point == "after write") {
				if n++; n == f.at {
					strike()
				}
			}
			if w.process(f.of).isDead() {
				return errCrashed
			}
			return nil
		})
	}
	w.start(f.id) // first, so that there is somebody to strike
	for _, id := range w.ids {
		if id != f.id {
			w.start(id)
		}
	}
	select {
	case <-struck:
	case <-time.After(30 * time.Second):
		return false
	}
	w.crash(f.id)
	w.disks[f.of].setHook(nil)
	if f.wiped {
		w.wipe(f.id)
	}
	time.Sleep(pause)
	w.start(f.id)
	return true
}

func TestACrashAtAnyStepOfTheFirstStartLeavesOneCluster(t *testing.T) {
	everyFault(t, false, func(w *world, f fault) {
		w.await(f.String(), w.whole)
	})
}

func TestAWipeAtAnyStepOfTheFirstStartLeavesOneClusterOrAMessage(t *testing.T) {
	messages := 0
	everyFault(t, true, func(w *world, f fault) {
		if w.within(time.Minute, w.whole) == nil {
			return
		}
		if f.id != "n1" || !w.said("empty the data director") {
			w.await(f.String(), w.whole) // reports
		}
		messages++
		for _, id := range w.ids { // what the message says
			if p := w.disks[id].Identity().Promise; p != nil && founderOf(p) != w.disks["n1"].Identity().Server {
				w.crash(id)
				w.wipe(id)
				w.start(id)
			}
		}
		w.await(f.String()+", and what the message says", w.whole)
	})
	if messages == 0 {
		t.Error("no fault led to the message: the test does not reach it")
	}
}

// everyFault runs a start once for each process and each point that it reaches.
func everyFault(t *testing.T, wiped bool, check func(*world, fault)) {
	ids := []string{"n1", "n2", "n3"}
	for _, id := range ids {
		for _, of := range ids {
			for _, point := range []string{"dial", "before write", "after write"} {
				for at := 1; at <= 12 && (of == id || at <= 3); at++ {
					if !reachesAll(t, fault{id, wiped, point, of, at}, check) {
						break
					}
				}
			}
		}
	}
}

func reachesAll(t *testing.T, f fault, check func(*world, fault)) (reached bool) {
	for _, pause := range []time.Duration{0, 7 * time.Second} {
		inWorld(t, 3, func(w *world) {
			if reached = f.hit(w, pause); !reached {
				return
			}
			check(w, f)
			if led := w.everLed(); led != 1 {
				t.Errorf("%v: %d clusters have had a leader", f, led)
			}
		})
	}
	return reached
}

func TestAWipedMemberIsReplacedAndItsOldDiskRefused(t *testing.T) {
	for _, id := range []string{"n1", "n2"} {
		t.Run(id, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				for _, id := range w.ids {
					w.start(id)
				}
				w.await("a whole cluster", w.whole)
				w.crash(id)
				old := w.disks[id]
				w.wipe(id)
				w.start(id)
				w.await("the replaced server is a voter", w.whole)
				if led := w.everLed(); led != 1 {
					t.Errorf("%d clusters have had a leader", led)
				}
				w.crash(id)
				present := w.disks[id]
				w.disks[id] = old
				p := w.start(id)
				<-p.done
				if !errors.Is(p.err, ErrNoPlace) || !strings.Contains(p.err.Error(), present.Identity().Server+" has taken its place") {
					t.Errorf("the old disk: %v", p.err)
				}
				w.crash(id)
				w.disks[id] = present
				w.start(id)
				w.await("a whole cluster again", w.whole)
			})
		})
	}
}

func TestAWipedMajorityNeverFoundsASecondCluster(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("a whole cluster", w.whole)
		for _, id := range []string{"n1", "n2"} {
			w.crash(id)
			w.wipe(id)
			w.start(id)
		}
		time.Sleep(time.Minute)
		if led := w.everLed(); led != 1 || len(w.groups) != 1 {
			t.Errorf("%d clusters, %d of them have had a leader", len(w.groups), led)
		}
	})
}

func TestAServerThatLagsOrHasDivergedIsNoVoterUntilItHasCaughtUpAndStayedSo(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("a whole cluster", w.whole)
		w.crash("n3")
		w.wipe("n3")
		w.mu.Lock()
		for _, g := range w.groups {
			g.applied = 10_000
		}
		w.mu.Unlock()
		p := w.start("n3")
		w.mu.Lock()
		p.lag = 5_000
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if w.whole() == nil {
			t.Fatal("a server that lags was made a voter")
		}
		select {
		case <-p.done:
			t.Fatalf("it settled: %v", p.err)
		default:
		}
		w.mu.Lock()
		p.lag, p.wrong = 0, true
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if w.whole() == nil {
			t.Fatal("a server that has diverged was made a voter")
		}
		w.mu.Lock()
		p.wrong = false
		w.mu.Unlock()
		start := time.Now()
		w.await("it is a voter", w.whole)
		if took := time.Since(start); took < caughtUpFor {
			t.Errorf("it was made a voter after %v", took)
		}
	})
}

func TestASecondProcessOfARunningIDIsNotAdmitted(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("a whole cluster", w.whole)
		var leader *process
		for _, p := range w.running {
			if (fakeMember{p}).Leader() == p.disk.Identity().Server {
				leader = p
			}
		}
		_, err := leader.service.admit(w.t.Context(), admitQuestion{Server: "n3@other", PeerAddr: "n3:1", Joining: true})
		if err == nil || !strings.Contains(err.Error(), "cannot take the place of n3@3, which runs") {
			t.Errorf("got %v", err)
		}
		for _, q := range []admitQuestion{
			{Server: "n9@9", PeerAddr: "n9:1", Joining: true}, {Server: "n9", Joining: true}, {Server: "n3@other", PeerAddr: "n3:1"},
		} {
			var no *Refused
			if _, err := leader.service.admit(w.t.Context(), q); !errors.As(err, &no) {
				t.Errorf("%+v: %v", q, err)
			}
		}
		if err := w.whole(); err != nil {
			t.Error(err)
		}
	})
}

func TestFormEndsWithItsContext(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		p := w.start("n1")
		time.Sleep(time.Second)
		p.cancel()
		<-p.done
		if !errors.Is(p.err, context.Canceled) {
			t.Errorf("got %v", p.err)
		}
	})
}

func TestListsAreChecked(t *testing.T) {
	for _, bad := range [][]Listed{
		nil, {{"", "a:1"}}, {{"a@b", "a:1"}}, {{"a", "a"}}, {{"a", "a:1"}, {"a", "b:1"}}, {{"a", "a:1"}, {"b", "a:1"}},
		make([]Listed, membersMax+1),
	} {
		if l, err := newList(bad); err == nil {
			t.Errorf("%v passed", l)
		}
	}
	l, err := newList([]Listed{{"n3", "c:1"}, {"n1", "a:1"}, {"n2", "b:1"}})
	if err != nil || l.founder() != "n1" || l.String() != "n1=a:1,n2=b:1,n3=c:1" {
		t.Errorf("got %v, %v", l, err)
	}
}
