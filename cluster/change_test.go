package cluster

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// configuration is that of the world's only cluster, as "n1 n2 n3-": "-" does not vote.
func (w *world) configuration() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, g := range w.groups {
		for _, s := range g.servers {
			text := member.ID(s.ID)
			if !s.Voter {
				text += "-"
			}
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// becomes polls until the configuration is this.
func (w *world) becomes(want string) {
	w.t.Helper()
	w.await("the configuration "+want, func() error {
		if got := w.configuration(); got != want {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}

// stays checks that the configuration is still this after a while.
func (w *world) stays(want string) {
	w.t.Helper()
	time.Sleep(20 * time.Second)
	if got := w.configuration(); got != want {
		w.t.Errorf("the configuration became %s, not %s; the log:\n%s", got, want, strings.Join(w.messages, "\n"))
	}
}

func (w *world) group() *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.groups {
		return g
	}
	return nil
}

// leads returns the id of the server that leads.
func (w *world) leads() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for cluster := range w.groups {
		if p := w.leader(cluster); p != nil {
			return p.id
		}
	}
	return ""
}

func joining(cfg *Config) { cfg.Join = []string{"n3:1", "n1:1"} }

// refusal fails the test unless err is one, for people, with these words.
func refusal(t *testing.T, err error, words ...string) {
	t.Helper()
	var no *Refused
	if !errors.As(err, &no) {
		t.Errorf("it was not refused: %v", err)
		return
	}
	for _, word := range words {
		if !strings.Contains(no.Text, word) {
			t.Errorf("%q does not say %q", no.Text, word)
		}
	}
}

func TestAServerJoinsThroughAnyMemberAndIsPromoted(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", joining)
		p := w.start("n4")
		w.becomes("n1 n2 n3 n4")
		<-p.done
		if p.err != nil || !w.disks["n4"].Identity().Settled {
			t.Errorf("it settled with %v", p.err)
		}
		w.crash("n4") // a directory that has joined needs no flag
		w.with["n4"] = nil
		p = w.start("n4")
		<-p.done
		if p.err != nil {
			t.Errorf("it came back with %v", p.err)
		}
		if changes := w.group().changes; len(changes) != 2 {
			t.Errorf("the changes were %v", changes)
		}
	})
}

func TestAJoinIsRedoneAfterACrashAtAnyStep(t *testing.T) {
	for _, point := range []string{"dial", "before write", "after write"} {
		for at := 1; at <= 8; at++ {
			reached := true
			inCluster(t, func(w *world) {
				w.add("n4", joining)
				n := 0
				struck := make(chan struct{})
				strike := func() { w.process("n4").kill(); close(struck) }
				if point == "dial" {
					w.onDial = func(id string, n int) {
						if id == "n4" && n == at {
							strike()
						}
					}
				} else {
					w.disks["n4"].setHook(func(after bool) error {
						if after == (point == "after write") {
							if n++; n == at {
								strike()
							}
						}
						if w.process("n4").isDead() {
							return errCrashed
						}
						return nil
					})
				}
				w.start("n4")
				select {
				case <-struck:
				case <-time.After(20 * time.Second):
					reached = false
					return
				}
				w.crash("n4")
				w.disks["n4"].setHook(nil)
				w.start("n4")
				w.becomes("n1 n2 n3 n4")
			})
			if !reached {
				break
			}
		}
	}
}

func TestAServerThatNobodyKnowsIsToldToJoin(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", nil)
		w.list["n4"] = append(slices.Clone(w.list["n1"]), Listed{"n4", "n4:1"})
		w.start("n4")
		w.stays("n1 n2 n3")
		if !w.said("n4 is not known to this cluster, whose leader n1@1 was started with n1=n1:1,n2=n2:1,n3=n3:1: start it with --join") {
			t.Errorf("nobody says so:\n%s", strings.Join(w.messages, "\n"))
		}
	})
}

func TestANonVoterStaysOneUntilItIsPromoted(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", func(cfg *Config) { joining(cfg); cfg.Nonvoter = true })
		<-w.start("n4").done
		w.stays("n1 n2 n3 n4-")
		w.crash("n4")
		w.with["n4"] = nil // without the flag it is still one
		<-w.start("n4").done
		w.stays("n1 n2 n3 n4-")
		if err := w.running["n2"].service.Promote(w.t.Context(), "n4"); err != nil {
			t.Error(err)
		}
		w.stays("n1 n2 n3 n4")
	})
}

func TestAServerThatAwaitsIsInvited(t *testing.T) {
	inCluster(t, func(w *world) {
		await := func(cfg *Config) { cfg.Await = true }
		w.add("n4", await)
		w.add("n5", await)
		w.start("n4")
		w.start("n5")
		w.stays("n1 n2 n3")
		n2 := w.running["n2"].service
		for range 2 { // a repetition is harmless
			if err := n2.Invite(w.t.Context(), "n4:1", true); err != nil {
				t.Error(err)
			}
		}
		w.becomes("n1 n2 n3 n4")
		if err := n2.Invite(w.t.Context(), "n5:1", false); err != nil {
			t.Error(err)
		}
		w.stays("n1 n2 n3 n4 n5-")
		refusal(t, n2.Invite(w.t.Context(), "n5:1", true), "n5@5 is a member already", "promote it")
		refusal(t, n2.Invite(w.t.Context(), "n4:1", false), "n4@4 is a voter already", "demote it")
		refusal(t, n2.Invite(w.t.Context(), "n6:1", true), "no server answers at n6:1", "--await")
		refusal(t, n2.Invite(w.t.Context(), "n6", true), "host:port")
	})
}

func TestAServerIsRemovedAndStaysOut(t *testing.T) {
	inCluster(t, func(w *world) {
		n2 := w.running["n2"].service
		if err := n2.Remove(w.t.Context(), "n3", false); err != nil {
			t.Fatal(err)
		}
		w.becomes("n1 n2")
		select {
		case <-w.running["n3"].service.Doubted():
		default:
			t.Error("the removed server has not been told to ask")
		}
		if err := n2.Remove(w.t.Context(), "n3@3", false); err != nil {
			t.Errorf("a repetition: %v", err)
		}
		refusal(t, n2.Remove(w.t.Context(), "n3", false), "n3 is no member", "n1@1, n2@2")
		refusal(t, n2.Remove(w.t.Context(), "", true), "nobody is named whom to remove")
		refusal(t, n2.Demote(w.t.Context(), "", true), "nobody is named whom to demote")
		refusal(t, n2.Promote(w.t.Context(), ""), "nobody is named whom to promote")
		w.crash("n3")
		p := w.start("n3")
		<-p.done
		if !errors.Is(p.err, ErrNoPlace) || !strings.Contains(p.err.Error(), "start it with an empty data directory and --join") || p.opened {
			t.Errorf("it came back with %v; its member was opened: %v", p.err, p.opened)
		}
		w.crash("n3")
		w.wipe("n3") // as a new server, it is welcome
		w.start("n3")
		w.becomes("n1 n2 n3")
		if err := n2.Remove(w.t.Context(), "n3@3", false); err != nil {
			t.Errorf("the repetition of an old removal: %v", err)
		}
		w.stays("n1 n2 n3") // and hits no successor
	})
}

// Servers come and go: no link, no goroutine and no look stays of those that have left,
// and the links with the others stay.
func TestNothingStaysOfServersThatHaveBeenRemoved(t *testing.T) {
	inCluster(t, func(w *world) {
		time.Sleep(2 * watchEvery) // everybody has been looked at
		links := map[string]int{}
		for _, id := range w.ids {
			links[id] = len(w.running[id].service.Links())
		}
		before := runtime.NumGoroutine()
		for i := range 30 {
			id := fmt.Sprintf("x%d", i)
			w.add(id, joining)
			w.start(id)
			if i%3 == 0 {
				w.becomes("n1 n2 n3 " + id)
			} else {
				w.becomes("n1 n2 n3 " + id + "-") // it goes while it catches up
			}
			time.Sleep(2 * watchEvery)
			if err := w.process("n2").service.Remove(w.t.Context(), id, true); err != nil {
				t.Fatal(err)
			}
			w.crash(id)
		}
		time.Sleep(2 * watchEvery)
		for _, id := range w.ids[:3] {
			s := w.running[id].service
			for _, l := range s.Links() {
				if !strings.HasPrefix(l.Server, "n") {
					t.Errorf("%s has a link with %s", id, l.Server)
				}
			}
			if got := len(s.Links()); got != links[id] {
				t.Errorf("%s has %d links, and %d before", id, got, links[id])
			}
			if len(s.caughtUp) > 1 || len(s.absent) > 0 {
				t.Errorf("%s looks after %v and %v", id, s.caughtUp, s.absent)
			}
		}
		if now := runtime.NumGoroutine(); now > before+10 {
			t.Errorf("%d goroutines, and %d before", now, before)
		}
	})
}

func TestTheLeaderIsRemovedAfterAnotherLeads(t *testing.T) {
	for _, asker := range []string{"n1", "n2"} {
		t.Run("asked at "+asker, func(t *testing.T) {
			inCluster(t, func(w *world) {
				if leads := w.leads(); leads != "n1" {
					w.t.Fatalf("%s leads", leads)
				}
				if err := w.running[asker].service.Remove(w.t.Context(), "n1", false); err != nil {
					t.Fatal(err)
				}
				if got, leads := w.configuration(), w.leads(); got != "n2 n3" || leads == "n1" {
					t.Errorf("the configuration is %s, %s leads", got, leads)
				}
			})
		})
	}
}

func TestADemotedServerStaysDemoted(t *testing.T) {
	inCluster(t, func(w *world) {
		for _, id := range []string{"n3", "n1"} { // n1 leads
			if err := w.running["n2"].service.Demote(w.t.Context(), id, true); err != nil {
				t.Fatal(err)
			}
		}
		w.stays("n1- n2 n3-")
		for _, id := range []string{"n1", "n3"} {
			w.crash(id)
			<-w.start(id).done
		}
		w.stays("n1- n2 n3-")
		if err := w.running["n3"].service.Promote(w.t.Context(), "n3"); err != nil {
			t.Error(err)
		}
		w.stays("n1- n2 n3")
	})
}

func TestAServerThatIsDemotedAsSoonAsItVotesStaysDemoted(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", joining)
		p := w.start("n4")
		for w.configuration() != "n1 n2 n3 n4-" || !p.serves("n4@4", p.disk.Identity().Cluster) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(settleEvery / 5) // it has asked once
		w.mu.Lock()
		w.group0().servers[3].Voter = true // and it has not learnt that yet
		w.mu.Unlock()
		if err := w.running["n1"].service.Demote(w.t.Context(), "n4", false); err != nil {
			t.Fatal(err)
		}
		w.stays("n1 n2 n3 n4-")
	})
}

func TestAServerThatIsDemotedWhileItCatchesUpDoesNotVote(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", joining)
		p := w.start("n4")
		for w.configuration() != "n1 n2 n3 n4-" || !p.serves("n4@4", p.disk.Identity().Cluster) {
			time.Sleep(time.Millisecond)
		}
		if err := w.running["n1"].service.Demote(w.t.Context(), "n4", false); err != nil {
			t.Fatal(err)
		}
		w.stays("n1 n2 n3 n4-")
		<-p.done
		if p.err != nil {
			t.Errorf("it settled with %v", p.err)
		}
	})
}

func TestNoVoteIsTakenAwayThatTheMajorityNeeds(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n3")
		n1 := w.running["n1"].service
		for _, change := range []func(context.Context, string, bool) error{n1.Demote, n1.Remove} {
			refusal(t, change(w.t.Context(), "n2", false), "2 of 2 voters have to be there", "n3@3 does not answer", "FORCE", "nothing can be written or read")
		}
		w.stays("n1 n2 n3")
		if err := n1.Remove(w.t.Context(), "n3", false); err != nil {
			t.Errorf("the dead one: %v", err)
		}
		w.becomes("n1 n2")
		w.mu.Lock()
		w.running["n2"].lag = 1 // within what counts as caught up
		w.mu.Unlock()
		if err := n1.Remove(w.t.Context(), "n1", false); err != nil {
			t.Error(err)
		}
		w.becomes("n2")
		for _, force := range []bool{false, true} {
			refusal(t, w.running["n2"].service.Remove(w.t.Context(), "n2", force), "n2@2 is the last voter")
			refusal(t, w.running["n2"].service.Demote(w.t.Context(), "n2", force), "n2@2 is the last voter")
		}
	})
}

func TestForceTakesAVoteAwayAllTheSame(t *testing.T) {
	inCluster(t, func(w *world) {
		w.mu.Lock()
		w.group0().applied = 1000
		w.running["n3"].lag = 900
		w.mu.Unlock()
		n1 := w.running["n1"].service
		refusal(t, n1.Remove(w.t.Context(), "n2", false), "n3@3 is 900 entries behind")
		if err := n1.Remove(w.t.Context(), "n2", true); err != nil {
			t.Error(err)
		}
		w.becomes("n1 n3")
	})
}

// group0 is the only group; the caller holds mu.
func (w *world) group0() *group {
	for _, g := range w.groups {
		return g
	}
	return nil
}

func TestLeadershipIsTransferred(t *testing.T) {
	inCluster(t, func(w *world) {
		n2 := w.running["n2"].service
		for range 2 {
			if err := n2.Transfer(w.t.Context(), "n3"); err != nil || w.leads() != "n3" {
				t.Errorf("%s leads, %v", w.leads(), err)
			}
		}
		if err := n2.Transfer(w.t.Context(), ""); err != nil || w.leads() == "n3" {
			t.Errorf("%s leads, %v", w.leads(), err)
		}
		w.add("n4", func(cfg *Config) { joining(cfg); cfg.Nonvoter = true })
		<-w.start("n4").done
		refusal(t, n2.Transfer(w.t.Context(), "n4"), "n4@4 is no voter", "promote it first")
		refusal(t, n2.Transfer(w.t.Context(), "n9"), "n9 is no member")
		if err := n2.Transfer(w.t.Context(), "n2"); err != nil {
			t.Fatal(err)
		}
		w.crash("n3")
		refusal(t, n2.Transfer(w.t.Context(), "n3"), "leadership stays with n2@2", "n3@3 does not answer")
	})
}

func TestAServerIsPromotedOnlyWhenItHasCaughtUp(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", func(cfg *Config) { joining(cfg); cfg.Nonvoter = true })
		p := w.start("n4")
		<-p.done
		w.mu.Lock()
		w.group0().applied = 1000
		p.lag = 500
		w.mu.Unlock()
		refusal(t, w.running["n3"].service.Promote(w.t.Context(), "n4"), "not done yet", "n4@4", "is 500 entries behind")
		if got := w.configuration(); got != "n1 n2 n3 n4-" {
			t.Errorf("the configuration is %s", got)
		}
	})
}

func TestAChangeWithoutALeaderEndsWithItsContext(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n2")
		w.crash("n3")
		ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Second)
		defer cancel()
		err := w.running["n1"].service.Remove(ctx, "n3", true)
		var no *Refused
		if err == nil || errors.As(err, &no) || !strings.Contains(err.Error(), "may be asked for again") {
			t.Errorf("got %v", err)
		}
	})
}
