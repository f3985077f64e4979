//go:build kvorum_faults

package simulation

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/node"
)

// planted is a fault in the servers themselves, and where to look for it.
type planted struct {
	name  string
	plant func()
	seeds uint64 // within how many it must be found
	where where  // what the runs have in common
	// panics: Raft may notice first, in a goroutine of its own, by this panic.
	panics string
}

// where a fault is looked for: it must harm nobody by itself.
type where struct {
	Scenario
	slow time.Duration // how long machines take for an entry, at most
	raft bool          // Raft's time-outs alone decide who leads
}

// keepNames: a server that is wiped keeps its name, and its vote.
var keepNames bool

func inNode(f node.Fault) func() { return func() { node.Plant(f) } }

var (
	// A leader wakes in the belief that it leads, and hears its clients and the
	// new leader at the same moment.
	wakingLeader = where{Scenario: Scenario{
		Size: 3, Drift: 5, Quiet: true, Script: []string{"pause a slow leader", "pause a slow leader", "pause a slow leader"},
		Mix: []share{{40, "set", "text", 1}, {60, "get", "text", 1}}, Log: 100_000,
	}, raft: true}
	// The same, and most of what it hears are writes.
	wakingWriter = where{Scenario: Scenario{
		Size: 3, Drift: 5, Quiet: true, Script: wakingLeader.Script,
		Mix: []share{{90, "set", "text", 1}, {10, "get", "text", 1}}, Log: 100_000,
	}, raft: true}
	// Entries are on their way to nobody.
	lostEntries = where{Scenario: Scenario{
		Kinds: []string{"cut a server off", "crash the leader", "delay", "slow disk"},
		Mix:   []share{{40, "set", "text", 1}, {60, "get", "text", 1}},
	}}
	// Some batches of one server are refused and later ones taken.
	refusedBatches = where{Scenario: Scenario{
		Script: []string{"transfer in vain", "transfer in vain", "transfer in vain", "transfer in vain"},
		Mix:    []share{{100, "get", "text", 1}}, Diaries: 4, Bulky: 1,
	}}
	// A server that has been removed and one that lags meet.
	removedOnes = where{Scenario: Scenario{Size: 3, Guests: 1, Script: []string{"remove beside a laggard", "remove beside a laggard"}}}
	// A server that has been wiped and one that lags meet.
	wipedOnes = where{Scenario: Scenario{Size: 3, Script: []string{"wipe beside a laggard", "wipe beside a laggard"}}}
	// A server goes back to the first release just before the upgrade is finished.
	putBackTooLate = where{Scenario: Scenario{Size: 3, Mixed: true, Script: []string{"upgrade a server", "finish an upgrade too early"}}}
	// The founder comes back without its disk.
	wipedFounders = where{Scenario: Scenario{Size: 3, Script: []string{"wipe", "wipe", "wipe"}}}
	// The only founder comes back without its disk.
	wipedAlone = where{Scenario: Scenario{Alone: true, Size: 3, Script: []string{"wipe", "wipe", "wipe"}}}
	// One server survives, and what is made of its disk is cut short.
	survivors = where{Scenario: Scenario{Size: 3, Script: []string{"recover", "recover", "recover"}}}
	// One server's log is damaged, again and again.
	damagedOnes = where{Scenario: Scenario{Size: 3, Script: []string{"damage an entry", "damage an entry", "damage an entry"}}}
	// One server's disk fails, again and again.
	failedSyncs = where{Scenario: Scenario{Size: 3, Script: []string{"fail a sync", "fail a sync", "fail a sync"}}}
	// One voter does not hear the leader, and the others do.
	lonelyVoters = where{Scenario: Scenario{Size: 3, Script: []string{"one voter misses the leader"}}}
	// Entries wait for their machines.
	slowMachines = where{slow: 20 * time.Millisecond}
)

var plantedFaults = []planted{
	{"acknowledge before commit", inNode(node.AckBeforeCommit), 100, lostEntries, ""},
	{"read without confirmation", inNode(node.UnconfirmedReads), 10, where{}, ""},
	{"count a follower's old question", inNode(node.ForeignQuestion), 100, wakingLeader, ""},
	{"wait for Raft's index", inNode(node.RaftsIndex), 20, slowMachines, ""},
	{"forget sessions at restore", func() { fsm.Faults.ForgetSessions = true }, 20, where{}, ""},
	{"apply numbers out of order", func() { fsm.Faults.IgnoreGaps = true }, 100, refusedBatches, ""},
	{"judge expiry by the wall clock", func() {
		fsm.Faults.WallClockMS = func() int64 { return time.Now().UnixMilli() }
	}, 20, where{}, ""},
	{"the fast heartbeat path", inNode(node.HeartbeatFastPath), 1000, wakingWriter, ""},
	{"count a removed server's vote", inNode(node.StrangersVote), 20, removedOnes, "panic: log not found"},
	{"vote under the old name of a wiped server", func() { keepNames = true }, 20, wipedOnes, ""},
	{"believe what a disk returns", inNode(node.NoSealCheck), 20, damagedOnes, ""},
	{"go on after a failed store", inNode(node.SecondEntry), 40, failedSyncs, ""},
	{"a founder that waits for no promises", func() { cluster.PlantHastyFounder(true) }, 10, wipedFounders, ""},
	{"found a cluster alone", func() { cluster.PlantFoundsAlone(true) }, 10, wipedAlone, ""},
	{"stand without a majority that misses the leader", inNode(node.StandsAlone), 10, lonelyVoters, ""},
	{"serve an unfinished directory", func() { faultServeUnfinished = true }, 20, survivors, ""},
	{"believe what a server said of its version before", func() { cluster.PlantKeptClaims(true) }, 10, putBackTooLate, ""},
}

// run simulates one seed there.
func (w where) run(t *testing.T, seed uint64) (Report, string) {
	node.SlowMachine(nil)
	node.LeaveToRaft(w.raft)
	if w.slow > 0 {
		node.SlowMachine(randomDelay(seed, int64(w.slow)))
	}
	w.Seed, w.Names = seed, keepNames
	node.ForgetNodes()
	return simulate(t, w.Scenario)
}

func pullUp() {
	node.Plant()
	cluster.PlantHastyFounder(false)
	cluster.PlantFoundsAlone(false)
	faultServeUnfinished = false
	cluster.PlantKeptClaims(false)
	keepNames = false
	node.SlowMachine(nil)
	node.LeaveToRaft(false)
	fsm.Faults.ForgetSessions, fsm.Faults.IgnoreGaps, fsm.Faults.WallClockMS = false, false, nil
}

// The simulation finds every fault that is planted on purpose.
func TestPlantedFaultsAreFound(t *testing.T) {
	t.Cleanup(pullUp)
	for _, p := range plantedFaults {
		t.Run(p.name, func(t *testing.T) {
			if p.panics != "" && os.Getenv(plantedProcess) == "" {
				p.findInProcess(t)
				return
			}
			pullUp()
			p.plant()
			began := time.Now()
			for seed := uint64(1); seed <= p.seeds; seed++ {
				if report, violation := p.where.run(t, seed); violation != "" {
					t.Logf("found by seed %d in %v, faults %v: %.300s", seed, time.Since(began).Round(time.Millisecond), report.Faults, violation)
					return
				}
			}
			t.Errorf("not found within %d seeds, %v", p.seeds, time.Since(began))
		})
	}
}

// plantedProcess is set in the process of a fault that may panic.
const plantedProcess = "KVORUM_TEST_PLANTED_PROCESS"

// plantedLimit bounds the time of that process, which needs seconds.
const plantedLimit = 90 * time.Second

// findInProcess looks for the fault in a process of its own, which a panic of
// Raft's may end. One that hangs is ended, with its stacks.
func (p planted) findInProcess(t *testing.T) {
	name := "^" + t.Name()[:strings.Index(t.Name(), "/")] + "$/^" + regexp.QuoteMeta(strings.ReplaceAll(p.name, " ", "_")) + "$"
	ctx, cancel := context.WithTimeout(t.Context(), plantedLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", name, "-test.v")
	cmd.Env = append(os.Environ(), plantedProcess+"=yes")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	cmd.WaitDelay = plantedLimit / 10
	out, err := cmd.CombinedOutput()
	i := max(strings.Index(string(out), "found by"), strings.Index(string(out), p.panics))
	if i < 0 {
		t.Errorf("not found: %v\n%s", err, out)
		return
	}
	t.Logf("%.300s", out[i:])
}

// What finds the planted faults finds nothing where none is.
func TestPlantedNothingIsFound(t *testing.T) {
	pullUp()
	for _, p := range plantedFaults {
		t.Run(p.name, func(t *testing.T) {
			// As many seeds as the rarer faults need, in part: what finds them finds one in so many.
			unjudged, runs := 0, int(min(p.seeds, max(uint64(*seeds), p.seeds/5)))
			for seed := range runs {
				report, violation := p.where.run(t, uint64(seed)+1)
				if violation != "" {
					t.Errorf("seed %d, faults %v: %s", seed+1, report.Faults, violation)
				}
				if report.Unjudged {
					unjudged++
				}
			}
			if unjudged > runs/unjudgedOneIn {
				t.Errorf("%d of %d histories could not be judged", unjudged, runs)
			}
		})
	}
}
