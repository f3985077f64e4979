package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
)

// foundsAlone stores what kvorum init does: a promise of a cluster of one.
func (w *world) foundsAlone(id string) {
	w.t.Helper()
	d := w.disks[id]
	f := member.Formation{Cluster: "of " + d.Identity().Server, Servers: []member.Server{{ID: d.Identity().Server, PeerAddr: id + ":1", Voter: true}}}
	if err := d.Promise(f); err != nil {
		w.t.Fatal(err)
	}
}

// wantEnd waits for the end of a process that must not enter any cluster.
func (p *process) wantEnd(words ...string) {
	p.world.t.Helper()
	<-p.done
	for _, word := range words {
		if p.err == nil || !strings.Contains(p.err.Error(), word) {
			p.world.t.Errorf("%s ended with %v, which does not say %q", p.id, p.err, word)
		}
	}
	if p.opened || len(p.world.groups) > 1 {
		p.world.t.Errorf("%s was opened: %v; there are %d clusters", p.id, p.opened, len(p.world.groups))
	}
}

func TestAServerThatIsToldOfNoOtherFoundsNothing(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		p := w.start("n1")
		p.wantEnd()
		if !errors.Is(p.err, ErrAlone) || w.disks["n1"].Identity().Cluster != "" {
			t.Errorf("it ended with %v, as %+v", p.err, w.disks["n1"].Identity())
		}
	})
}

func TestAServerThatIsToJoinThroughItselfIsToldOfNoOther(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.list["n1"], w.with["n1"] = nil, func(cfg *Config) { cfg.Join = []string{"n1:1"} }
		p := w.start("n1")
		p.wantEnd()
		if !errors.Is(p.err, ErrAlone) {
			t.Errorf("it ended with %v", p.err)
		}
	})
}

func TestAClusterOfOneBeginsByWhatInitHasStored(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.foundsAlone("n1")
		w.start("n1")
		w.await("a whole cluster", w.whole)
		w.crash("n1")
		w.start("n1")
		w.await("the same cluster", w.whole)
	})
}

// The only founder's directory is lost; the others have joined it. It must not be a
// second cluster, whatever it was started with at first.
func TestAWipedOnlyFounderFoundsNoSecondCluster(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.foundsAlone("n1")
		w.start("n1")
		w.await("a whole cluster", w.whole)
		for _, id := range []string{"n2", "n3"} {
			w.add(id, func(cfg *Config) { cfg.Join = []string{"n1:1", "n2:1"} })
			w.start(id)
			w.await(id+" is a voter", w.whole)
		}
		w.crash("n1")
		w.wipe("n1")
		p := w.start("n1")
		p.wantEnd("told of no other")
		w.crash("n1")
		w.list["n1"], w.with["n1"] = nil, func(cfg *Config) { cfg.Join = []string{"n2:1", "n3:1"} }
		w.start("n1")
		w.await("it has joined as a new server", w.whole)
		if led := w.everLed(); led != 1 {
			t.Errorf("%d clusters have had a leader", led)
		}
	})
}

// An image of a directory that init has made is no first start where others are.
func TestADirectoryMadeForAClusterOfOneDoesNotBeginBesideOthers(t *testing.T) {
	for name, told := range map[string]func(*Config){
		"to join":   func(cfg *Config) { cfg.Members, cfg.Join = nil, []string{"n2:1"} },
		"to wait":   func(cfg *Config) { cfg.Members, cfg.Await = nil, true },
		"of a list": func(cfg *Config) { cfg.Members = append(cfg.Members, Listed{"n2", "n2:1"}) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(w *world) {
				w.foundsAlone("n1")
				w.with["n1"] = told
				w.start("n1").wantEnd("was made for a cluster of n1@1 alone", "an empty directory")
				w.crash("n1")
				w.with["n1"] = nil
				w.start("n1")
				w.await("a whole cluster", w.whole)
				w.crash("n1")
				w.with["n1"] = told // a member comes back, whatever it is told
				w.start("n1")
				w.await("the same cluster", w.whole)
			})
		})
	}
}

// What was stored by Raft, in a directory that names no cluster, is half of something.
func TestStateWithoutAClusterIsRefused(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.start("n2")
		w.start("n3")
		w.disks["n1"].hasState = true
		w.start("n1").wantEnd("names no cluster", "cut short")
		w.add("n4", joining)
		w.disks["n4"].hasState = true
		w.start("n4").wantEnd("names no cluster", "cut short")
	})
}
