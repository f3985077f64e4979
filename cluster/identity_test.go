package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// chosen is a server whose operator has chosen its address.
func chosen(cfg *Config) { cfg.Chosen = true }

// moves gives a machine another address for its next process.
func (w *world) moves(id, addr string) {
	w.addr[id], w.with[id], w.list[id] = addr, chosen, nil
}

// at returns the address that the configuration has for a server.
func (w *world) at(server string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.group0().servers {
		if s.ID == server {
			return s.PeerAddr
		}
	}
	return ""
}

// copyDisk makes a machine whose disk is a copy of another's.
func (w *world) copyDisk(from, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.disks[from]
	d.mu.Lock()
	defer d.mu.Unlock()
	w.ids = append(w.ids, to)
	w.disks[to] = &disk{identity: d.identity, boot: d.boot, hasState: d.hasState, known: slices.Clone(d.known)}
}

// ends waits for a process that has to end by itself, and checks why.
func (p *process) ends(words ...string) {
	p.world.t.Helper()
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.world.t.Fatalf("%s still runs", p.id)
	}
	if !errors.Is(p.err, ErrNoPlace) {
		p.world.t.Errorf("%s ended with %v", p.id, p.err)
		return
	}
	for _, word := range words {
		if !strings.Contains(p.err.Error(), word) {
			p.world.t.Errorf("%q does not say %q", p.err, word)
		}
	}
	if p.opened {
		p.world.t.Errorf("the member of %s was opened: it could have voted", p.id)
	}
}

func TestAServerThatMovesIsFoundAtItsNewAddress(t *testing.T) {
	for _, id := range []string{"n1", "n3"} { // n1 has led
		t.Run(id, func(t *testing.T) {
			inCluster(t, func(w *world) {
				server := w.disks[id].Identity().Server
				w.crash(id)
				w.moves(id, "elsewhere:1")
				p := w.start(id)
				<-p.done
				if p.err != nil || w.at(server) != "elsewhere:1" {
					t.Errorf("it is at %s: %v", w.at(server), p.err)
				}
				w.becomes("n1 n2 n3")
				w.await("a whole cluster", w.whole)
			})
		})
	}
}

func TestANonVoterMovesAndStaysOne(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", func(cfg *Config) { joining(cfg); cfg.Nonvoter = true })
		<-w.start("n4").done
		w.crash("n4")
		w.moves("n4", "elsewhere:1")
		<-w.start("n4").done
		w.stays("n1 n2 n3 n4-")
		if got := w.at("n4@4"); got != "elsewhere:1" {
			t.Errorf("it is at %s", got)
		}
	})
}

func TestAServerWhoseAddressNobodyChoseStaysWhereItIs(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n3")
		w.moves("n3", "guessed:1")
		w.with["n3"] = nil
		w.start("n3")
		time.Sleep(20 * time.Second)
		if got := w.at("n3@3"); got != "n3:1" {
			t.Errorf("it is at %s", got)
		}
	})
}

func TestAServerThatHasMovedWaitsForALeaderBeforeItsRaftRuns(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n2")
		w.crash("n3")
		w.moves("n3", "elsewhere:1")
		p := w.start("n3")
		time.Sleep(time.Minute)
		if p.opened || !w.said("n3: moving waits for=the leader to take over elsewhere:1 in place of n3:1") {
			t.Errorf("opened: %v; the log:\n%s", p.opened, strings.Join(w.messages, "\n"))
		}
		w.start("n2")
		<-p.done
		if p.err != nil || w.at("n3@3") != "elsewhere:1" {
			t.Errorf("it is at %s: %v", w.at("n3@3"), p.err)
		}
	})
}

func TestAnAddressOfAnotherServerIsNotTakenOver(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n3")
		w.moves("n3", "elsewhere:1")
		w.with["n3"] = func(cfg *Config) { cfg.Chosen, cfg.Advertise = true, "n2:1" }
		w.start("n3").ends("n3@3 advertises n2:1, which is the address of n2@2", "give it one of its own")
	})
}

func TestACopyOfARunningServersDirectoryIsRefused(t *testing.T) {
	inCluster(t, func(w *world) {
		w.copyDisk("n3", "copy")
		w.with["copy"] = chosen
		w.start("copy").ends("another process runs as n3@3 at n3:1", "a copy", "--join")
		if w.at("n3@3") != "n3:1" || w.running["n3"].isDead() {
			t.Errorf("n3 is at %s", w.at("n3@3"))
		}
	})
}

// A leader tells by the process, and not by the name, who asks it about itself.
func TestACopyOfTheLeadersDirectoryIsRefused(t *testing.T) {
	inCluster(t, func(w *world) {
		leader := w.leads()
		server := w.disks[leader].identity.Server
		w.copyDisk(leader, "copy")
		w.with["copy"] = chosen
		w.start("copy").ends("another process runs as "+server+" at "+leader+":1", "a copy", "--join")
		if got := w.at(server); got != leader+":1" {
			t.Errorf("the leader is dialled at %s", got)
		}
	})
}

func TestACopyThatClaimsTheSameAddressIsRefused(t *testing.T) {
	inCluster(t, func(w *world) {
		w.copyDisk("n3", "copy")
		w.with["copy"] = func(cfg *Config) { cfg.Advertise = "n3:1" }
		w.start("copy").ends("another process runs as n3@3 at n3:1")
	})
}

func TestTheOriginalOfACopyThatHasTakenItsPlaceIsRefused(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n3")
		w.copyDisk("n3", "copy") // moved by copying its directory; the old one was forgotten
		w.with["copy"] = chosen
		<-w.start("copy").done
		if got := w.at("n3@3"); got != "copy:1" {
			t.Fatalf("it is at %s", got)
		}
		w.with["n3"] = chosen
		w.start("n3").ends("another process runs as n3@3 at copy:1")
	})
}

func TestASecondServerOfAnIDIsNotAdmittedWhileTheFirstRuns(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", joining)
		<-w.start("n4").done
		w.add("n4b", joining)
		w.disks["n4b"] = &disk{identity: member.Identity{Server: "n4@other"}}
		w.start("n4b")
		w.stays("n1 n2 n3 n4")
		if !w.said("n4@other cannot take the place of n4@4, which runs at n4:1: every server has an id of its own") {
			t.Errorf("nobody says so:\n%s", strings.Join(w.messages, "\n"))
		}
		w.crash("n4") // for good: now it is a replacement
		w.await("the replacement", func() error {
			if w.at("n4@other") == "" || w.at("n4@4") != "" {
				return errors.New(w.configuration())
			}
			return nil
		})
		w.becomes("n1 n2 n3 n4")
		w.start("n4").ends("n4@4 is not in the configuration of this cluster any more", "n4@other has taken its place")
	})
}

func TestAServerWithTheAddressOfAnotherIsNotAdmitted(t *testing.T) {
	inCluster(t, func(w *world) {
		w.add("n4", func(cfg *Config) { joining(cfg); cfg.Advertise = "n2:1" })
		w.start("n4")
		w.stays("n1 n2 n3")
		if !w.said("n4@4 advertises n2:1, which is the address of n2@2") {
			t.Errorf("nobody says so:\n%s", strings.Join(w.messages, "\n"))
		}
	})
}

func TestAnOldCopyOfADirectoryIsRefused(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		inCluster(t, func(w *world) {
			w.copyDisk("n3", "copy") // a backup
			for range 2 {            // the original goes on
				w.crash("n3")
				<-w.start("n3").done
			}
			w.crash("n3")
			if elsewhere {
				w.with["copy"] = chosen
			} else {
				w.addr["copy"] = "n3:1"
			}
			w.start("copy").ends("n3@3 comes with boot number 2, and the cluster has seen boot 3", "restored from a backup", "empty data directory")
			w.crash("copy")
			w.start("n3")
			w.becomes("n1 n2 n3")
			if got := w.at("n3@3"); got != "n3:1" {
				t.Errorf("it is at %s", got)
			}
		})
	}
}

// Where no leader answers at its start, an old copy runs until one does.
func TestAnOldCopyThatStartsWithoutALeaderIsRefusedByTheNext(t *testing.T) {
	inCluster(t, func(w *world) {
		w.copyDisk("n3", "copy") // a backup
		for range 2 {
			w.crash("n3")
			<-w.start("n3").done
		}
		for _, id := range []string{"n1", "n2", "n3"} {
			w.crash(id)
		}
		w.addr["copy"] = "n3:1"
		p := w.start("copy")
		time.Sleep(time.Minute)
		p.mu.Lock()
		opened := p.opened
		p.mu.Unlock()
		if !opened {
			t.Fatal("it waits for a leader, as no server does when a whole cluster starts")
		}
		w.start("n1")
		w.start("n2")
		<-p.done
		if !errors.Is(p.err, ErrNoPlace) || !strings.Contains(p.err.Error(), "n3@3 comes with boot number 2, and the cluster has seen boot 3") {
			t.Errorf("it ended with %v", p.err)
		}
	})
}
