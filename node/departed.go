package node

import (
	"errors"
	"maps"
	"time"

	"github.com/hashicorp/raft"
)

// forgetDeparted drops what this node keeps for another server (goroutines, connections, figures)
// once that server has left the configuration. It waits for a while, because a removed server
// still has to be told of its removal. Whatever is needed for a server outside the configuration
// is made again on demand.
func (n *Node) forgetDeparted() {
	look := time.NewTicker(departedEvery)
	defer look.Stop()
	last := n.configuration()
	for {
		select {
		case <-look.C:
		case <-n.stop:
			return
		}
		now := n.configuration()
		n.forget(newMembers(last, now))
		last = now
	}
}

// forget drops what is kept of servers that are not in m.
func (n *Node) forget(m members) {
	n.notices.forget(m)
	n.transport.forget(m)
	n.transport.early.forget(m)
	n.logs.paces.forget(m)
	n.reads.forgetVoters(m)
	n.lead.failover.forget(m)
}

// members is the set of servers of some configurations, with their dial targets.
type members struct {
	servers map[raft.ServerID]bool
	targets map[raft.ServerAddress]bool
}

func newMembers(configurations ...raft.Configuration) members {
	m := members{map[raft.ServerID]bool{}, map[raft.ServerAddress]bool{}}
	for _, c := range configurations {
		for _, s := range c.Servers {
			m.servers[s.ID], m.targets[target(s.ID, s.Address)] = true, true
		}
	}
	return m
}

// forget ends the senders for servers that are not in m.
func (n *notices) forget(m members) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, box := range n.boxes {
		if !m.servers[id] {
			delete(n.boxes, id)
			close(box.over)
		}
	}
}

// forget ends the senders for servers that are not in m, except for those that Raft still calls.
func (e *earlySends) forget(m members) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, slot := range e.slots {
		if !m.servers[id] && slot.calls == 0 && !slot.sending {
			delete(e.slots, id)
			close(slot.over)
		}
	}
}

func (p *paces) forget(m members) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.them, func(id raft.ServerID, _ *pace) bool { return !m.servers[id] })
}

func (r *reads) forgetVoters(m members) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.late, func(server string, _ int) bool { return !m.servers[raft.ServerID(server)] })
}

// forget closes the connections that this server has opened to servers that are not in m. Raft's
// transport keeps connections, alive or not, for its next call, each with large buffers. It drops
// one only when a call on it fails.
func (t *transport) forget(m members) {
	t.mu.Lock()
	maps.DeleteFunc(t.delivered, func(id raft.ServerID, _ delivery) bool { return !m.servers[id] })
	for to, heard := range t.heard {
		if !m.targets[to] {
			delete(t.heard, to)
			close(heard) // whoever waits looks again
		}
	}
	t.mu.Unlock()
	for _, to := range t.layer.hangUp(m) {
		t.layer.refuse(to)
		for range connectionsPerPeer + 1 {
			err := t.NetworkTransport.AppendEntries("", to, &raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{})
			if errors.As(err, new(*dialError)) {
				break // there is none left
			}
		}
		t.layer.refuse("")
	}
}

// hangUp closes the connections that this server has opened to servers that are not in m, and
// returns their targets.
func (l *streamLayer) hangUp(m members) (targets []raft.ServerAddress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := map[raft.ServerAddress]bool{}
	for conn := range l.open {
		dialled, ok := conn.(*dialledConn)
		if !ok || m.targets[dialled.to] {
			continue
		}
		if !over[dialled.to] {
			targets = append(targets, dialled.to)
		}
		over[dialled.to] = true
		delete(l.open, conn)
		conn.Close()
	}
	return targets
}

// refuse prevents one target from being dialled; "" stands for none.
func (l *streamLayer) refuse(to raft.ServerAddress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = to
}

var errDeparted = errors.New("this server has left the configuration")
