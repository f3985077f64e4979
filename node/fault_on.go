//go:build kvorum_faults

package node

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/node/seal"
)

// Faults that a checker must find. Only one test at a time sets them, before it opens its nodes.
var (
	faultAckBeforeCommit   bool // the leader answers SET when it proposes it
	faultUnconfirmedReads  bool // a node reads its machine without asking anybody
	faultForeignQuestion   bool // a follower's question confirms the leader's own reads
	faultRaftsIndex        bool // reads wait for Raft's applied index instead of the machine's
	faultHeartbeatFastPath bool // heartbeats are handled beside Raft's main loop
	faultStrangersVote     bool // a vote of a server that has been removed counts as a voter's
	faultNoSealCheck       bool // what a disk returns is believed
	faultSecondEntry       bool // a leader that could not store an entry goes on in its term with another
	faultStandsAlone       bool // a voter that misses the leader stands, whatever the others say
)

// everybody holds every transport of this process with its node.
var everybody sync.Map

func (t *transport) belongsTo(n *Node) { everybody.Store(t, n) }

// strangersVote asks servers outside this node's configuration for a vote.
func (t *transport) strangersVote(ask func(id raft.ServerID, addr raft.ServerAddress) bool) (granted bool) {
	value, _ := everybody.Load(t)
	n := value.(*Node)
	everybody.Range(func(_, value any) bool {
		other := value.(*Node)
		id, addr := other.cfg.Session.Server, other.cfg.Streams.Addr().String()
		member := slices.ContainsFunc(n.configuration().Servers, func(s raft.Server) bool { return string(s.ID) == id })
		granted = !member && ask(raft.ServerID(id), raft.ServerAddress(addr))
		return !granted
	})
	return granted
}

// ForgetNodes drops what only the planted faults remember about closed nodes.
func ForgetNodes() { everybody.Clear() }

// machineDelay returns how long an entry is delayed before its machine applies it. It is no fault,
// but exposes a read that does not wait for its entry.
var machineDelay func() time.Duration

// SlowMachine delays every machine of this process as delay says; nil ends that.
func SlowMachine(delay func() time.Duration) { machineDelay = delay }

func slowMachine() {
	if machineDelay != nil {
		time.Sleep(machineDelay())
	}
}

// faultLeavesToRaft makes every voter leave elections to Raft's time-outs. It is no fault, but
// leaves a frozen leader in its place for longer.
var faultLeavesToRaft bool

// LeaveToRaft sets whether every node of this process leaves elections to Raft.
func LeaveToRaft(leave bool) { faultLeavesToRaft = leave }

// stallDisk blocks a write of Raft's while the folder named by CHAOS_STALLS holds a file named
// after this process. It simulates a disk that does not respond.
func stallDisk() {
	folder := os.Getenv("CHAOS_STALLS")
	if folder == "" {
		return
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, strconv.Itoa(os.Getpid()))); err != nil {
			return
		}
		time.Sleep(stallPoll)
	}
}

const stallPoll = 5 * time.Millisecond

// Fault names one planted fault.
type Fault string

// The planted faults.
const (
	AckBeforeCommit   Fault = "acknowledge before commit"
	UnconfirmedReads  Fault = "read without confirmation"
	ForeignQuestion   Fault = "count a follower's old question for the leader's reads"
	RaftsIndex        Fault = "wait for Raft's index instead of the machine's"
	HeartbeatFastPath Fault = "the fast heartbeat path"
	StrangersVote     Fault = "count a removed server's vote"
	NoSealCheck       Fault = "believe what a disk returns"
	SecondEntry       Fault = "another entry of the same term in the place of one that could not be stored"
	StandsAlone       Fault = "stand without a majority that misses the leader"
)

// Plant switches on exactly the named faults.
func Plant(faults ...Fault) {
	at := map[Fault]*bool{
		AckBeforeCommit:   &faultAckBeforeCommit,
		UnconfirmedReads:  &faultUnconfirmedReads,
		ForeignQuestion:   &faultForeignQuestion,
		RaftsIndex:        &faultRaftsIndex,
		HeartbeatFastPath: &faultHeartbeatFastPath,
		StrangersVote:     &faultStrangersVote,
		NoSealCheck:       &faultNoSealCheck,
		SecondEntry:       &faultSecondEntry,
		StandsAlone:       &faultStandsAlone,
	}
	for _, on := range at {
		*on = false
	}
	for _, f := range faults {
		*at[f] = true
	}
}

// storeOthers makes the leader store different entries under the same indexes and term as those
// that it has sent but could not store.
func (g *guardedLogs) storeOthers(logs []*raft.Log) bool {
	if g.early == nil || !g.early.finished(logs) {
		return false
	}
	for _, l := range logs {
		l.Type, l.Data, l.Extensions = raft.LogNoop, nil, nil
		seal.Put(l)
	}
	time.AfterFunc(time.Second, func() { g.leave(syscall.EIO) }) // in the end it does leave
	return g.LogStore.StoreLogs(logs) == nil
}

// finished waits until entries are no longer in flight, and reports whether they were sent.
func (e *earlySends) finished(logs []*raft.Log) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	var sent bool
	for _, slot := range e.slots {
		if m := slot.message; m != nil && &m.req.Entries[0] == &logs[0] {
			sent = true
			e.mu.Unlock()
			<-m.done
			e.mu.Lock()
		}
	}
	return sent
}
