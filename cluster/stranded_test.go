package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// founded is a formation of n1 to n3 as their disks are now.
func (w *world) founded() *member.Formation {
	f := &member.Formation{Cluster: "c"}
	for _, id := range w.ids {
		f.Servers = append(f.Servers, member.Server{ID: w.disks[id].Identity().Server, PeerAddr: id + ":1", Voter: true})
	}
	return f
}

// promise stores a formation on disks.
func (w *world) promise(f *member.Formation, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if err := w.disks[id].Promise(*f); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Founders are killed in the middle of founding, and directories of some are lost: the
// start can end nowhere, and every one of them says so and what to do, in its log and to
// whoever asks whether it is ready. Done as they say, it goes on.
func TestEveryFounderOfAClusterThatCannotBeginSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		promised, wiped []string
		empty           []string // what they say
	}{
		"the founder is lost":                          {[]string{"n1", "n2", "n3"}, []string{"n1"}, []string{"n2@2", "n3@3"}},
		"the founder is lost before all have promised": {[]string{"n1", "n2"}, []string{"n1"}, []string{"n2@2"}},
		"as many as a majority needs are lost":         {[]string{"n1", "n2", "n3"}, []string{"n2", "n3"}, []string{"n1@1"}},
		"the founder and another are lost":             {[]string{"n1", "n2", "n3"}, []string{"n1", "n3"}, []string{"n2@2"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				w.promise(w.founded(), c.promised...)
				for _, id := range c.wiped {
					w.wipe(id)
				}
				for _, id := range w.ids {
					w.start(id)
				}
				time.Sleep(10 * time.Second)
				want := fmt.Sprintf("empty the data directories of %s and start them again: nothing is lost by that", names(c.empty))
				for _, id := range w.ids {
					if !w.saidBy(id, want) {
						t.Errorf("%s does not log %q", id, want)
					}
					if waits := w.process(id).service.Waits(); !strings.Contains(waits, want) {
						t.Errorf("%s waits for %q", id, waits)
					}
				}
				for _, server := range c.empty {
					id := member.ID(server)
					w.crash(id)
					w.wipe(id)
					w.start(id)
				}
				w.await("a whole cluster", w.whole)
				for _, id := range w.ids {
					if waits := w.process(id).service.Waits(); waits != "" {
						t.Errorf("%s still waits for %q", id, waits)
					}
				}
			})
		})
	}
}

// As long as somebody has not answered, nobody is told to empty anything.
func TestAPromisedServerNamesWhomItsClusterWaitsFor(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		f := w.founded()
		w.promise(f, "n1", "n2", "n3")
		w.wipe("n1")
		w.start("n2")
		says := func(words ...string) func() error {
			return func() error {
				waits := w.process("n2").service.Waits()
				for _, word := range words {
					if !strings.Contains(waits, word) {
						return errors.New("n2 waits for " + waits)
					}
				}
				return nil
			}
		}
		w.await("n2 names its founder", says("n1@1, to found cluster c", "n1@1 at n1:1: ", "n3@3 at n3:1: "))
		w.start("n1")
		w.await("n2 names what was replaced", says("n1@1 at n1:1, whose data directory was replaced: there is n1@4 now", "n3@3 at n3:1: "))
		if w.said("empty the data") {
			t.Error("it is told to empty its directory, and n3 may hold an entry")
		}
		w.crash("n1")
		w.foundsAlone("n1") // of another cluster
		w.list["n1"] = nil
		w.start("n1")
		w.await("n2 names the stranger", says("there is n1@4 now, of another cluster"))
		w.start("n3")
		w.await("n2 says what to do", says("empty the data directories of n2, n3 and"))
	})
}

// Whoever has an entry keeps its promise, and so does everyone else.
func TestNobodyIsStrandedThatMayBegin(t *testing.T) {
	f := &member.Formation{Cluster: "c", Servers: []member.Server{{ID: "n1@a"}, {ID: "n2@b"}, {ID: "n3@c"}}}
	promised := func(server string) standing { return standing{server: server, cluster: "c", promise: f} }
	begun := func(server string) standing { return standing{server: server, cluster: "c", promise: f, begun: true} }
	fresh := func(server string) standing { return standing{server: server} }
	for name, c := range map[string]struct {
		says []standing
		want bool
	}{
		"all are there":   {[]standing{promised("n1@a"), promised("n2@b"), promised("n3@c")}, false},
		"one is replaced": {[]standing{promised("n1@a"), promised("n2@b"), fresh("n3@x")}, false},
		"the founder is":  {[]standing{fresh("n1@x"), promised("n2@b"), promised("n3@c")}, true},
		"the founder is, and belongs to another cluster": {[]standing{{server: "n1@x", cluster: "d"}, promised("n2@b"), promised("n3@c")}, true},
		"the founder is, and one has begun":              {[]standing{fresh("n1@x"), promised("n2@b"), begun("n3@c")}, false},
		"the founder is, and one is silent":              {[]standing{fresh("n1@x"), promised("n2@b")}, false},
		"the founder has joined the cluster":             {[]standing{{server: "n1@x", cluster: "c"}, promised("n2@b"), promised("n3@c")}, false},
		"two are replaced":                               {[]standing{promised("n1@a"), fresh("n2@x"), fresh("n3@x")}, true},
		"two are, and the founder has begun":             {[]standing{begun("n1@a"), fresh("n2@x"), fresh("n3@x")}, false},
		"nobody has promised":                            {[]standing{fresh("n1@x"), fresh("n2@x"), fresh("n3@x")}, false},
	} {
		said := map[string]standing{}
		for _, a := range c.says {
			said[member.ID(a.server)] = a
		}
		if text := stranded(f, said); (text != "") != c.want {
			t.Errorf("%s: %q", name, text)
		}
	}
}
