package cluster

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// besideForms are the ways to tell n1 of n2 and n3.
var besideForms = map[string]func(*Config){
	"to join":   func(cfg *Config) { cfg.Members, cfg.Join = nil, []string{"n1:1", "n2:1", "n3:1"} },
	"of a list": func(cfg *Config) { cfg.Members = []Listed{{"n1", "n1:1"}, {"n2", "n2:1"}, {"n3", "n3:1"}} },
}

// servedAlone has n1 begin a cluster of one, as kvorum init and a bare kvorum serve do,
// and makes n2 and n3, which found another.
func servedAlone(w *world) {
	w.foundsAlone("n1")
	w.list["n1"] = nil
	w.start("n1")
	w.await("n1 leads", func() error {
		if p := w.process("n1"); p.service.attached.Load() == nil || (fakeMember{p}).Leader() == "" {
			return errors.New("it does not lead")
		}
		return nil
	})
	w.crash("n1")
	for _, id := range []string{"n2", "n3"} {
		w.list[id] = []Listed{{"n2", "n2:1"}, {"n3", "n3:1"}}
	}
}

func (w *world) others() {
	for _, id := range []string{"n2", "n3"} {
		w.start(id)
	}
	w.await("n2 and n3 are in a cluster", func() error {
		for _, id := range []string{"n2", "n3"} {
			if a := w.process(id).service.attached.Load(); a == nil || a.membership.Leader() == "" {
				return errors.New(id + " has no leader")
			}
		}
		return nil
	})
}

// A directory that init has made and that was served once, by mistake, is a cluster: it
// must not be ready beside the one that its flags name.
func TestAClusterOfOneDoesNotStartBesideTheOneThatItIsToldOf(t *testing.T) {
	for name, told := range besideForms {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				servedAlone(w)
				w.others()
				w.with["n1"] = told
				p := w.start("n1")
				<-p.done
				for _, word := range []string{
					"n1@1 founded alone", "n2@2 at n2:1, n3@3 at n3:1, of another cluster", "an empty directory", "leave out --cluster and --join",
				} {
					if p.err == nil || !strings.Contains(p.err.Error(), word) {
						t.Errorf("it ended with %v, which does not say %q", p.err, word)
					}
				}
				if p.opened {
					t.Error("its member was opened")
				}
			})
		})
	}
}

// Where the others start later, it serves what it holds, but is not ready from then on.
func TestAClusterOfOneIsNotReadyOnceTheOneThatItIsToldOfAnswers(t *testing.T) {
	for name, told := range besideForms {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				servedAlone(w)
				w.with["n1"] = told
				p := w.start("n1")
				time.Sleep(3 * watchEvery)
				if text := p.service.Unready(); text != "" {
					t.Errorf("it is not ready before the others are there: %s", text)
				}
				if !w.said("the only member of its cluster") {
					t.Error("it did not say that it is alone")
				}
				w.others()
				w.await("it is not ready", func() error {
					if text := p.service.Unready(); !strings.Contains(text, "n2@2 at n2:1") {
						return errors.New("it says: " + text)
					}
					return nil
				})
				w.crash("n2")
				w.crash("n3")
				time.Sleep(10 * watchEvery)
				if p.service.Unready() == "" {
					t.Error("it is ready as soon as the cluster that it was seen beside is down")
				}
			})
		})
	}
}

// The founder of a cluster that others have joined comes back with whatever flags it
// has: so the operator's page wants it.
func TestAFounderThatOthersHaveJoinedStartsBesideAnyFlags(t *testing.T) {
	for name, told := range besideForms {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(w *world) {
				w.foundsAlone("n1")
				w.start("n1")
				w.await("a whole cluster", w.whole)
				for _, id := range []string{"n2", "n3"} {
					w.add(id, func(cfg *Config) { cfg.Join = []string{"n1:1"} })
					w.start(id)
					w.await(id+" is a voter", w.whole)
				}
				w.crash("n1")
				w.with["n1"] = told
				w.start("n1")
				w.await("the same cluster", w.whole)
			})
		})
	}
}
