package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// rebuild gives a machine the disk of a server that has been rebuilt; its process
// must not run.
func (w *world) rebuild(id string, knowsCluster bool) {
	old := w.disks[id].Identity()
	w.wipe(id)
	d := w.disks[id]
	d.identity.Rebuilt = true
	if knowsCluster {
		d.identity.Cluster = old.Cluster
	}
}

func eachKnowledge(t *testing.T, run func(t *testing.T, knowsCluster bool)) {
	t.Run("of a cluster that it knows", func(t *testing.T) { run(t, true) })
	t.Run("of one that it does not know", func(t *testing.T) { run(t, false) })
}

func formed(w *world) {
	for _, id := range w.ids {
		w.start(id)
	}
	w.await("a whole cluster", w.whole)
}

func TestARebuiltServerJoinsItsClusterAgain(t *testing.T) {
	eachKnowledge(t, func(t *testing.T, knows bool) {
		for _, id := range []string{"n1", "n2"} { // the founder, and another
			inWorld(t, 3, func(w *world) {
				formed(w)
				w.crash(id)
				w.rebuild(id, knows)
				w.start(id)
				w.await("the rebuilt server is a voter", w.whole)
				if len(w.groups) != 1 {
					t.Errorf("%d clusters", len(w.groups))
				}
			})
		}
	})
}

// However many are rebuilt, and whoever else starts afresh, nobody founds a cluster
// beside the one whose data was set aside.
func TestRebuiltServersFoundNothing(t *testing.T) {
	eachKnowledge(t, func(t *testing.T, knows bool) {
		for name, c := range map[string]struct {
			rebuilt, wiped []string
			says           string
		}{
			"all":                                {[]string{"n1", "n2", "n3"}, nil, "n3@6] have set damaged directories aside, too"},
			"the founder and another":            {[]string{"n1", "n2"}, nil, "n2@5] have set damaged directories aside, too"},
			"two, and the founder starts afresh": {[]string{"n2", "n3"}, []string{"n1"}, "have set damaged directories aside, too"},
		} {
			inWorld(t, 3, func(w *world) {
				formed(w)
				for _, id := range w.ids {
					w.crash(id)
				}
				for _, id := range c.rebuilt {
					w.rebuild(id, knows)
				}
				for _, id := range c.wiped {
					w.wipe(id)
				}
				for _, id := range w.ids {
					w.start(id)
				}
				time.Sleep(time.Minute)
				if len(w.groups) != 1 {
					t.Errorf("%s: %d clusters", name, len(w.groups))
				}
				for _, id := range append(c.rebuilt, c.wiped...) {
					if d := w.disks[id].Identity(); d.Promise != nil {
						t.Errorf("%s: %s has promised itself", name, id)
					}
				}
				if !w.said(c.says) {
					t.Errorf("%s: nobody said %q:\n%s", name, c.says, strings.Join(w.messages, "\n"))
				}
			})
		}
	})
}

// A founder of the first release may ask it all the same.
func TestARebuiltServerPromisesNothing(t *testing.T) {
	inWorld(t, 2, func(w *world) {
		w.rebuild("n2", false)
		p := w.start("n2")
		f := member.Formation{Cluster: "another", Servers: []member.Server{
			{ID: "n1@1", PeerAddr: "n1:1", Voter: true}, {ID: p.disk.Identity().Server, PeerAddr: "n2:1", Voter: true}}}
		if err := (handler{p.service}).answerPromise("n1@1", encode(f)); err == nil || p.disk.Identity().Cluster != "" {
			t.Errorf("it has promised itself to a new cluster (%v)", err)
		}
	})
}
