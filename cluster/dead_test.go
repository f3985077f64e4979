package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
)

// removesAfter sets what is replicated.
func (w *world) removesAfter(d time.Duration) {
	w.mu.Lock()
	w.removeDeadAfter = d
	w.mu.Unlock()
}

func TestADeadServerIsRemovedByItselfOnceAReplacementVotes(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n3")
		time.Sleep(time.Hour)
		w.stays("n1 n2 n3") // it is off by default
		w.removesAfter(time.Minute)
		w.stays("n1 n2 n3") // without a replacement the cluster would tolerate less
		if !w.said("n1: a dead server is not removed by itself server=n3@3 why=of 3 voters the cluster can lose 1, of 2 only 0") {
			t.Errorf("nobody says why not:\n%s", strings.Join(w.messages, "\n"))
		}
		w.add("n4", joining)
		w.start("n4")
		w.becomes("n1 n2 n4")
		if !w.said("removed a server that had been unreachable for longer than remove-dead-after server=n3@3") {
			t.Errorf("nobody says so:\n%s", strings.Join(w.messages, "\n"))
		}
	})
}

func TestADeadServerIsRemovedNoEarlierThanItsTime(t *testing.T) {
	inCluster(t, func(w *world) {
		w.removesAfter(10 * time.Minute)
		w.add("n4", joining)
		<-w.start("n4").done
		w.crash("n3")
		died := time.Now()
		time.Sleep(5 * time.Minute)
		if err := w.running["n2"].service.Transfer(w.t.Context(), "n4"); err != nil { // a new leader knows since when
			t.Fatal(err)
		}
		for w.configuration() == "n1 n2 n3 n4" && time.Since(died) < time.Hour {
			time.Sleep(time.Second)
		}
		if took := time.Since(died); took < 10*time.Minute || took > 10*time.Minute+4*watchEvery || w.configuration() != "n1 n2 n4" {
			t.Errorf("the configuration is %s after %v", w.configuration(), took)
		}
	})
}

func TestNothingIsRemovedByItselfWhileAnotherVoterIsNotWell(t *testing.T) {
	inCluster(t, func(w *world) {
		w.removesAfter(time.Minute)
		w.add("n4", joining)
		<-w.start("n4").done
		w.mu.Lock()
		w.group0().applied = 1000
		w.running["n2"].lag = 500
		w.mu.Unlock()
		w.crash("n3")
		time.Sleep(10 * time.Minute)
		w.stays("n1 n2 n3 n4")
		w.mu.Lock()
		w.running["n2"].lag = 0
		w.mu.Unlock()
		w.becomes("n1 n2 n4")
	})
}

func TestADeadNonVoterIsRemovedByItself(t *testing.T) {
	inCluster(t, func(w *world) {
		w.removesAfter(time.Minute)
		w.add("n4", func(cfg *Config) { joining(cfg); cfg.Nonvoter = true })
		<-w.start("n4").done
		w.crash("n4")
		time.Sleep(2 * time.Minute)
		w.becomes("n1 n2 n3")
	})
}

func TestOnlyAnEvenNumberOfVotersLosesOneByItself(t *testing.T) {
	for count := 1; count <= membersMax; count++ {
		now := Configuration{}
		for i := range count {
			now.Servers = append(now.Servers, member.Server{ID: fmt.Sprintf("n%d@1", i), Voter: true})
		}
		if weaker := weakens(now, now.Servers[0]) != ""; weaker != (count%2 == 1 && count > 1) {
			t.Errorf("%d voters: %v", count, weaker)
		}
	}
}

// A server that restores a large snapshot at its start answers that it is starting.
func TestAServerThatIsStartingIsNotDead(t *testing.T) {
	inCluster(t, func(w *world) {
		w.removesAfter(time.Minute)
		w.add("n4", joining)
		<-w.start("n4").done
		w.crash("n4")
		w.mu.Lock()
		w.opens = make(chan struct{})
		w.mu.Unlock()
		w.start("n4")
		time.Sleep(10 * time.Minute)
		w.stays("n1 n2 n3 n4")
		close(w.opens)
		<-w.process("n4").done
	})
}
