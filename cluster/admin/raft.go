package admin

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// raftStatusCommand is RAFT STATUS, which operators read first. It returns this node's view of the
// log, the leader and the other servers.
func (a *Admin) raftStatusCommand(ctx context.Context, _ *command.Call) reply.Value {
	s, upgrade := a.Member.Status(), a.Upgrader.Upgrade()
	stored := map[string]replica{}
	for _, r := range a.replicas(ctx) {
		stored[r.server.ID] = r
	}
	stored[a.Server] = replica{stored: s.LastIndex, known: true}
	var servers []reply.Value
	for _, server := range a.Roster.Servers() {
		servers = append(servers, raftServer(server, stored[server.ID]))
	}
	return reply.MapOf(
		reply.Text("id"), reply.Text(a.Server),
		reply.Text("cluster"), reply.Text(a.Cluster),
		reply.Text("boot"), number(a.Boot),
		reply.Text("state"), reply.Text(s.State),
		reply.Text("ready"), reply.Bool(s.Ready),
		reply.Text("not-ready-reason"), textOrNil(s.Unready),
		reply.Text("term"), number(s.Term),
		reply.Text("leader"), textOrNil(s.Leader),
		reply.Text("leader-address"), textOrNil(a.clientAddr(s.Leader)),
		reply.Text("last-contact-ms"), lastContact(s),
		reply.Text("last-log-index"), number(s.LastIndex),
		reply.Text("last-log-term"), number(s.LastTerm),
		reply.Text("commit-index"), number(s.CommitIndex),
		reply.Text("applied-index"), number(s.AppliedIndex),
		reply.Text("applied-hash"), reply.Text(fmt.Sprintf("%016x", s.Hash)),
		reply.Text("divergence"), reply.Text(s.Alarm.State),
		reply.Text("divergence-reason"), textOrNil(s.Alarm.Reason),
		reply.Text("snapshot-index"), number(s.Snapshot.Index),
		reply.Text("snapshots-taken"), number(s.Snapshot.Taken),
		reply.Text("snapshots-installed"), number(s.Snapshot.Installed),
		reply.Text("snapshots-installed-again"), number(s.Snapshot.Again),
		reply.Text("machine-version"), number(uint64(upgrade.Active)),
		reply.Text("machine-version-newest"), number(uint64(upgrade.Newest)),
		reply.Text("upgrade-waits"), textOrNil(upgrade.Waits),
		reply.Text("log-store"), reply.Text(a.LogStore),
		reply.Text("servers"), reply.List(servers...),
	)
}

// raftServer returns one server's entry in the reply to RAFT STATUS.
func raftServer(server Server, r replica) reply.Value {
	suffrage := "nonvoter"
	if server.Voter {
		suffrage = "voter"
	}
	stored := reply.Nil()
	if r.known {
		stored = number(r.stored)
	}
	return reply.MapOf(
		reply.Text("id"), reply.Text(server.ID),
		reply.Text("node-id"), reply.Text(nodeID(server.ID)),
		reply.Text("suffrage"), reply.Text(suffrage),
		reply.Text("never-leads"), reply.Bool(server.NeverLeads),
		reply.Text("client-address"), textOrNil(server.ClientAddr),
		reply.Text("peer-address"), reply.Text(server.PeerAddr),
		reply.Text("reachable"), reply.Bool(server.Reachable),
		reply.Text("stored-index"), stored,
		reply.Text("round-trip-ms"), milliseconds(server, server.RTT),
		reply.Text("clock-skew-ms"), milliseconds(server, server.Skew),
	)
}

// milliseconds formats a duration from a server's last answer, with three decimals. It returns nil
// if there was no answer.
func milliseconds(server Server, d time.Duration) reply.Value {
	if !server.Heard {
		return reply.Nil()
	}
	return reply.Text(strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 3, 64))
}

func lastContact(s Status) reply.Value {
	if s.LastContact < 0 {
		return reply.Nil()
	}
	return reply.Int(s.LastContact.Milliseconds())
}

func textOrNil(text string) reply.Value {
	if text == "" {
		return reply.Nil()
	}
	return reply.Text(text)
}
