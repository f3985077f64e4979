package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// newRelease names the versions that this test's new program knows.
var newRelease = Versions{Oldest: 1, Newest: 2}

// runsFirst makes a machine run the first release from its next start on.
func (w *world) runsFirst(id string) { w.with[id] = func(cfg *Config) { cfg.Versions = firstRelease } }

// runsNew makes it run the new one.
func (w *world) runsNew(id string) { delete(w.with, id) }

// restart ends a machine's process, if one runs, and starts another.
func (w *world) restart(id string) {
	w.crash(id)
	w.start(id)
}

// version is the active version of the machine of the one cluster, 0 for none.
func (w *world) version() uint8 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.groups {
		return g.version + 1
	}
	return 0
}

// staysAt fails the test if the version changes within d.
func (w *world) staysAt(version uint8, d time.Duration, why string) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		if v := w.version(); v != version {
			w.t.Fatalf("version %d is active, and %s", v, why)
		}
	}
}

// reaches waits until a version is active.
func (w *world) reaches(version uint8, within time.Duration) {
	w.t.Helper()
	err := w.within(within, func() error {
		if v := w.version(); v != version {
			return fmt.Errorf("version %d is active", v)
		}
		return nil
	})
	if err != nil {
		w.t.Fatalf("after %v: %v; the log:\n%s", within, err, strings.Join(w.messages, "\n"))
	}
}

// leaders is the service that leads.
func (w *world) leaders() *Service {
	w.mu.Lock()
	defer w.mu.Unlock()
	for cluster := range w.groups {
		if p := w.leader(cluster); p != nil {
			return p.service
		}
	}
	return nil
}

// mixed starts three machines, of which n3 runs the first release.
func mixed(w *world) {
	w.runsFirst("n3")
	for _, id := range w.ids {
		w.start(id)
	}
	w.await("the cluster", w.whole)
	w.await("the leader's first look", func() error {
		if l := w.leaders(); l == nil || l.Upgrade().Waits == "" {
			return errors.New("it has not looked")
		}
		return nil
	})
}

func TestANewClusterHasTheNewestVersionAtOnce(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("the cluster", w.whole)
		w.reaches(2, time.Second)
	})
}

func TestTheVersionIsRaisedTenMinutesAfterTheLastServerHasIt(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		mixed(w)
		w.staysAt(1, 15*time.Minute, "n3 runs the first release")
		if waits := w.leaders().Upgrade().Waits; !strings.Contains(waits, "n3@3, which runs a release that knows machine version 1") {
			t.Errorf("it waits for %q", waits)
		}
		w.runsNew("n3")
		w.restart("n3")
		w.staysAt(1, upgradeAfter-time.Second, "ten minutes have not passed")
		if waits := w.leaders().Upgrade().Waits; !strings.Contains(waits, "to pass") {
			t.Errorf("it waits for %q", waits)
		}
		w.reaches(2, 3*upgradeEvery)
		if waits := w.leaders().Upgrade().Waits; waits != "" {
			t.Errorf("it waits for %q", waits)
		}
	})
}

func TestAServerThatIsPutBackBeginsTheTenMinutesAnew(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		mixed(w)
		w.runsNew("n3")
		w.restart("n3")
		w.staysAt(1, upgradeAfter/2, "ten minutes have not passed")
		w.runsFirst("n2")
		w.restart("n2")
		w.staysAt(1, upgradeAfter, "n2 was put back")
		w.runsNew("n2")
		w.restart("n2")
		w.staysAt(1, upgradeAfter-time.Second, "ten minutes have not passed")
		w.reaches(2, 3*upgradeEvery)
	})
}

func TestAServerThatDoesNotAnswerHoldsTheRaise(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		mixed(w)
		w.runsNew("n3")
		w.crash("n3")
		w.staysAt(1, 15*time.Minute, "n3 does not run")
		err := w.leaders().FinishUpgrade(context.Background())
		if err == nil || !strings.Contains(err.Error(), "n3@3, which does not answer") {
			t.Errorf("finishing it: %v", err)
		}
		if v := w.version(); v != 1 {
			t.Errorf("version %d is active", v)
		}
	})
}

func TestOneOperatorHoldsTheRaise(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		mixed(w)
		w.disks["n2"].held = true
		w.runsNew("n3")
		w.restart("n3")
		w.staysAt(1, 2*upgradeAfter, "n2 holds it")
		if waits := w.leaders().Upgrade().Waits; !strings.Contains(waits, "n2@2, whose operator holds the upgrade") {
			t.Errorf("it waits for %q", waits)
		}
		w.disks["n2"].mu.Lock()
		w.disks["n2"].held = false
		w.disks["n2"].mu.Unlock()
		w.reaches(2, 3*upgradeEvery)
	})
}

func TestFinishingPassesHoldsAndTimeAndNeverAnAnswer(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		mixed(w)
		w.disks["n2"].held = true
		err := w.process("n2").service.FinishUpgrade(context.Background())
		if err == nil || !strings.Contains(err.Error(), "n3@3, which runs a release") {
			t.Errorf("finishing it with n3 of the first release: %v", err)
		}
		w.runsNew("n3")
		w.restart("n3")
		if err := w.process("n2").service.FinishUpgrade(context.Background()); err != nil {
			t.Error(err)
		}
		w.reaches(2, time.Second)
		if err := w.process("n3").service.FinishUpgrade(context.Background()); err != nil {
			t.Errorf("finishing it twice: %v", err)
		}
	})
}

// Whoever finishes an upgrade beside a member that is dead learns at once whom it waits for,
// and at the end what to do, also where the host does not even refuse.
func TestFinishingBesideADeadMemberNamesIt(t *testing.T) {
	for name, dead := range map[string]func(*Config){"that refuses": func(*Config) {}, "that is silent": silent("n3:1")} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				w.runsFirst("n3")
				for _, id := range w.ids {
					w.start(id)
				}
				w.await("the cluster", w.whole)
				w.crash("n3")
				for _, id := range []string{"n1", "n2"} {
					w.with[id] = dead
					w.restart(id)
				}
				w.await("a leader", func() error {
					if l := w.leaders(); l == nil || l.attached.Load() == nil {
						return errors.New("none")
					}
					return nil
				})
				follower := w.process("n1").service
				if follower == w.leaders() {
					follower = w.process("n2").service
				}
				finished := make(chan error)
				go func() { finished <- follower.FinishUpgrade(context.Background()) }()
				time.Sleep(runningTimeout + 100*time.Millisecond) // no answer within it is none
				if waits := w.leaders().Upgrade().Waits; !strings.Contains(waits, "n3@3, which does not answer") {
					t.Errorf("it waits for %q", waits)
				}
				err := <-finished
				for _, words := range []string{"machine version 2 waits for n3@3, which does not answer", "start n3, or take it out of the cluster (kvorum members remove n3)", "finish the upgrade again"} {
					if err == nil || !strings.Contains(err.Error(), words) {
						t.Errorf("%v does not say %q", err, words)
					}
				}
			})
		})
	}
}

// A program that is too old is told which release the cluster needs.
func TestARefusalOfAnEarlierReleaseNamesTheOneThatIsNeeded(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.with[id] = func(cfg *Config) { cfg.Release = "v2.0.1" }
		}
		earlier := func(cfg *Config) { cfg.Versions, cfg.Release = Versions{Oldest: 1, Newest: 1}, "v1.0.0" }
		w.with["n3"] = earlier
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("the cluster", w.whole)
		err := w.process("n2").service.FinishUpgrade(context.Background())
		if err == nil || !strings.Contains(err.Error(), "start n3 with the release that n1, which leads, runs (kvorum v2.0.1)") {
			t.Errorf("finishing beside it: %v", err)
		}
		w.with["n3"] = w.with["n1"]
		w.restart("n3")
		if err := w.process("n2").service.FinishUpgrade(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.with["n3"] = earlier
		w.crash("n3")
		back := w.start("n3")
		<-back.done
		if !errors.Is(back.err, ErrNoPlace) || !strings.Contains(back.err.Error(), "start it with the release that the other nodes run (kvorum v2.0.1)") {
			t.Errorf("a member of the release before: %v", back.err)
		}
	})
}

// Names of releases come from others, and are shown to people.
func TestTheNameOfAReleaseIsShortAndPrintable(t *testing.T) {
	for name, want := range map[string]string{"": "", "v1.2.3": "v1.2.3", "devel-3f1c-modified": "devel-3f1c-modified",
		"a b": "", "a\nb": "", "\x1b[2J": "", "é": "", strings.Repeat("v", releaseBytesMax+1): ""} {
		if got := releaseText([]byte(name)); got != want {
			t.Errorf("%q is shown as %q", name, got)
		}
	}
	inWorld(t, 2, func(w *world) {
		for _, id := range w.ids {
			w.with[id] = func(cfg *Config) { cfg.Release = "of-" + id }
			w.start(id)
		}
		w.await("the cluster", w.whole)
		l := w.leaders()
		for _, server := range l.attached.Load().member.Servers() {
			if got, err := l.askVersions(context.Background(), server); err != nil || got.release != "of-"+server.ID[:2] {
				t.Errorf("%s is called %q, %v", server.ID, got.release, err)
			}
		}
	})
}

func TestAfterTheRaiseTheFirstReleaseHasNoPlace(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.await("the cluster", w.whole)
		w.reaches(2, time.Second)
		w.runsFirst("n3")
		w.crash("n3")
		back := w.start("n3")
		<-back.done
		if !errors.Is(back.err, ErrNoPlace) || !strings.Contains(back.err.Error(), "knows machine version 1 at most, and this cluster is at version 2") {
			t.Errorf("a member of the first release: %v", back.err)
		}
		w.crash("n3")
		w.add("n4", func(cfg *Config) { cfg.Versions, cfg.Join = firstRelease, []string{"n1:1"} })
		w.start("n4")
		w.await("the refusal", func() error {
			if !w.said("n4@4 runs a release that knows machine version 1 at most") {
				return errors.New("n4 has not been told")
			}
			return nil
		})
		w.crash("n4")
		w.runsNew("n3")
		w.with["n4"] = func(cfg *Config) { cfg.Join = []string{"n1:1"} }
		w.start("n3")
		w.start("n4")
		w.await("n3 and n4", w.whole)
	})
}

// An operator holds the upgrade after the leader's look and before the raise, which
// waits for a change of the configuration: it is held.
func TestAHoldThatComesBeforeTheRaiseHoldsIt(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		mixed(w)
		w.runsNew("n3")
		w.restart("n3")
		w.staysAt(1, upgradeAfter-2*upgradeEvery, "ten minutes have not passed")
		leader := w.leaders()
		leader.admitted <- struct{}{} // somebody changes the configuration, for ten seconds
		w.staysAt(1, 4*upgradeEvery, "somebody changes the configuration")
		w.disks["n2"].mu.Lock()
		w.disks["n2"].held = true
		w.disks["n2"].mu.Unlock()
		<-leader.admitted
		w.staysAt(1, time.Minute, "n2 holds it")
	})
}
