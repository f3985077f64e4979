package node

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/hashicorp/raft"
)

// kept counts what a node keeps for the other servers.
func (n *Node) kept() map[string]int {
	kept := map[string]int{}
	n.notices.mu.Lock()
	kept["senders of notices"] = len(n.notices.boxes)
	n.notices.mu.Unlock()
	n.transport.mu.Lock()
	kept["answers"], kept["waits for a heartbeat"] = len(n.transport.delivered), len(n.transport.heard)
	n.transport.mu.Unlock()
	n.transport.early.mu.Lock()
	kept["early senders"] = len(n.transport.early.slots)
	n.transport.early.mu.Unlock()
	n.logs.paces.mu.Lock()
	kept["paces"] = len(n.logs.paces.them)
	n.logs.paces.mu.Unlock()
	n.reads.mu.Lock()
	kept["late voters"] = len(n.reads.late)
	n.reads.mu.Unlock()
	n.transport.layer.mu.Lock()
	targets := map[raft.ServerAddress]bool{}
	for conn := range n.transport.layer.open {
		if dialled, ok := conn.(*dialledConn); ok {
			targets[dialled.to] = true
		}
	}
	kept["targets of connections"] = len(targets)
	n.transport.layer.mu.Unlock()
	return kept
}

// Servers come and go, running ones and ones that never run. Nothing is left of them: no
// goroutine, no connection, no map entry.
func TestNothingStaysOfServersThatHaveLeft(t *testing.T) {
	const living, absent = 25, 75
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		time.Sleep(3 * departedEvery)
		before := runtime.NumGoroutine()
		for i := range living + absent {
			id := fmt.Sprintf("x%d@1", i)
			if i%2 == 0 { // voters are asked for their terms, too
				leader.change("add "+id, func() raft.Future {
					return leader.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(l.addrOf(id)), 0, rpcWait)
				})
			} else if err := leader.AddVoter(id, l.addrOf(id), 0); err != nil {
				t.Fatal(err)
			}
			if i < living {
				n := l.start(id)
				l.eventually("it has caught up", func() bool { return n.AppliedIndex() == leader.AppliedIndex() })
			}
			write(leader, "incr", "n")
			read(leader, "get", "n")
			time.Sleep(5 * time.Millisecond) // notices are sent
			if err := leader.RemoveServer(id, 0); err != nil {
				t.Fatal(err)
			}
			if i < living {
				l.crash(id)
			}
		}
		if got := leader.kept(); got["answers"] < living || got["senders of notices"] < living+absent {
			t.Errorf("right after that it keeps %v: the test has lost its point", got)
		}
		time.Sleep(3 * departedEvery)
		for what, count := range leader.kept() {
			if count > 3 { // the two others, and itself
				t.Errorf("%d %s are left", count, what)
			}
		}
		if now := runtime.NumGoroutine(); now > before+10 {
			t.Errorf("%d goroutines, and %d before", now, before)
		}
		write(leader, "incr", "n")
		l.agree()
	})
}

// Connections that Raft's transport keeps to a server that has left are dropped, without a call
// that could reach anybody. Connections to others stay.
func TestConnectionsToServersThatHaveLeftEnd(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		leader := l.leader()
		gone, stays := l.followers()[0], l.followers()[1]
		open := func(to *Node) (count int) {
			layer := leader.transport.layer
			layer.mu.Lock()
			defer layer.mu.Unlock()
			for conn := range layer.open {
				if dialled, ok := conn.(*dialledConn); ok && dialled.to == target(raft.ServerID(to.cfg.Session.Server), to.transport.LocalAddr()) {
					count++
				}
			}
			return count
		}
		pooled := func(to *Node) int { // Raft's own; nothing else shows that their buffers are free
			raftsOwn := reflect.ValueOf(leader.transport.NetworkTransport).Elem()
			lock := (*sync.Mutex)(unsafe.Pointer(raftsOwn.FieldByName("connPoolLock").UnsafeAddr()))
			lock.Lock()
			defer lock.Unlock()
			of := raftsOwn.FieldByName("connPool").MapIndex(reflect.ValueOf(target(raft.ServerID(to.cfg.Session.Server), to.transport.LocalAddr())))
			if !of.IsValid() {
				return 0
			}
			return of.Len()
		}
		time.Sleep(time.Second)
		if open(gone) == 0 || open(stays) == 0 || pooled(gone) == 0 {
			t.Fatalf("%d and %d connections are open, %d in the pool", open(gone), open(stays), pooled(gone))
		}
		before := open(stays)
		l.mu.Lock()
		dials := l.dials
		l.mu.Unlock()
		if err := leader.RemoveServer(gone.cfg.Session.Server, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * departedEvery)
		if open(gone) != 0 || pooled(gone) != 0 || open(stays) < before {
			t.Errorf("%d and %d connections are open, %d in the pool; before it were %d", open(gone), open(stays), pooled(gone), before)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.dials > dials+connectionsPerPeer {
			t.Errorf("%d dials since the removal", l.dials-dials)
		}
	})
}
