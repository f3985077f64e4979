package admin

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// nodeID returns the 40 hexadecimal digits by which cluster clients know a server. They depend only
// on the server's name, so every node returns the same ones.
func nodeID(server string) string {
	return hexID("kvorum server " + server)
}

// clusterInfoCommand describes the cluster in Redis Cluster's words: one master, the leader, serves
// all slots.
func (a *Admin) clusterInfoCommand(context.Context, *command.Call) reply.Value {
	s := a.Member.Status()
	state, served, size := "ok", command.Slots, 1
	if s.Leader == "" || !s.Ready {
		state = "fail"
	}
	if s.Leader == "" {
		served, size = 0, 0
	}
	var b strings.Builder
	for _, field := range []struct {
		name  string
		value any
	}{
		{"cluster_state", state},
		{"cluster_slots_assigned", served},
		{"cluster_slots_ok", served},
		{"cluster_slots_pfail", 0},
		{"cluster_slots_fail", 0},
		{"cluster_known_nodes", len(a.Roster.Servers())},
		{"cluster_size", size},
		{"cluster_current_epoch", s.Term},
		{"cluster_my_epoch", s.Term},
	} {
		fmt.Fprintf(&b, "%s:%v\r\n", field.name, field.value)
	}
	return reply.VerbatimText(b.String())
}

func (a *Admin) clusterMyIDCommand(context.Context, *command.Call) reply.Value {
	return reply.Text(nodeID(a.Server))
}

func (a *Admin) clusterKeySlotCommand(_ context.Context, call *command.Call) reply.Value {
	return reply.Int(int64(command.KeySlot(call.Args[2])))
}

// clusterNodesCommand lists the servers, one on each line: id host:port@peerport flags master ping
// pong epoch link slots.
func (a *Admin) clusterNodesCommand(context.Context, *command.Call) reply.Value {
	s := a.Member.Status()
	var b strings.Builder
	for _, server := range a.Roster.Servers() {
		b.WriteString(a.nodeLine(server, s) + "\n")
	}
	return reply.VerbatimText(b.String())
}

// nodeLine returns one server's line of CLUSTER NODES.
func (a *Admin) nodeLine(server Server, s Status) string {
	host, port := splitAddr(server.ClientAddr)
	_, peerPort := splitAddr(server.PeerAddr)
	master, slots := "-", ""
	switch {
	case server.ID == s.Leader:
		slots = fmt.Sprintf(" 0-%d", command.Slots-1)
	case s.Leader != "":
		master = nodeID(s.Leader)
	}
	link := "disconnected"
	if server.Reachable {
		link = "connected"
	}
	return fmt.Sprintf("%s %s:%d@%d %s %s 0 0 %d %s%s", nodeID(server.ID), host, port, peerPort,
		a.nodeFlags(server, s), master, s.Term, link, slots)
}

// clusterReplicasCommand lists the lines of all nodes but the leader. The argument must be the
// leader's id.
func (a *Admin) clusterReplicasCommand(_ context.Context, call *command.Call) reply.Value {
	server, ok := a.serverByNodeID(call.Args[2])
	s := a.Member.Status()
	switch {
	case !ok:
		return unknownNode(call.Args[2])
	case server.ID != s.Leader:
		return reply.Err("ERR The specified node is not a master")
	}
	var lines []reply.Value
	for _, other := range a.Roster.Servers() {
		if other.ID != server.ID {
			lines = append(lines, reply.Text(a.nodeLine(other, s)))
		}
	}
	return reply.List(lines...)
}

// clusterLinksCommand lists the open connections with other servers.
func (a *Admin) clusterLinksCommand(context.Context, *command.Call) reply.Value {
	var links []reply.Value
	for _, l := range a.Roster.Links() {
		direction, events := "from", "r"
		if l.Outgoing {
			direction = "to"
		}
		if l.QueuedBytes > 0 {
			events = "rw"
		}
		links = append(links, reply.MapOf(
			reply.Text("direction"), reply.Text(direction),
			reply.Text("node"), reply.Text(nodeID(l.Server)),
			reply.Text("create-time"), reply.Int(l.Since.UnixMilli()),
			reply.Text("events"), reply.Text(events),
			reply.Text("send-buffer-allocated"), reply.Int(int64(l.BufferBytes)),
			reply.Text("send-buffer-used"), reply.Int(int64(l.QueuedBytes)),
		))
	}
	return reply.List(links...)
}

// nodeFlags returns the flags of a server in CLUSTER NODES.
func (a *Admin) nodeFlags(server Server, s Status) string {
	var flags []string
	if server.ID == a.Server {
		flags = append(flags, "myself")
	}
	if server.ID == s.Leader {
		flags = append(flags, "master")
	} else {
		flags = append(flags, "slave")
	}
	if !server.Reachable {
		flags = append(flags, "fail?")
	}
	if !server.Voter || server.NeverLeads {
		flags = append(flags, "nofailover")
	}
	if server.ClientAddr == "" {
		flags = append(flags, "noaddr")
	}
	return strings.Join(flags, ",")
}

// serving returns the servers to which clients may be sent, with the leader first. It returns none
// if there is no leader or its client address is unknown.
func (a *Admin) serving(s Status) []Server {
	var leader, others []Server
	for _, server := range a.Roster.Servers() {
		switch {
		case server.ClientAddr == "":
		case server.ID == s.Leader:
			leader = append(leader, server)
		default:
			others = append(others, server)
		}
	}
	if len(leader) == 0 {
		return nil
	}
	return append(leader, others...)
}

// clusterSlotsCommand lists one range: all slots, with the leader and the reachable replicas.
func (a *Admin) clusterSlotsCommand(context.Context, *command.Call) reply.Value {
	s := a.Member.Status()
	serving := a.serving(s)
	if len(serving) == 0 {
		return reply.List()
	}
	elems := []reply.Value{reply.Int(0), reply.Int(command.Slots - 1)}
	for _, server := range serving {
		if server.ID != s.Leader && !server.Reachable {
			continue
		}
		host, port := splitAddr(server.ClientAddr)
		elems = append(elems, reply.List(reply.Text(host), reply.Int(int64(port)), reply.Text(nodeID(server.ID)), reply.MapOf()))
	}
	return reply.List(reply.List(elems...))
}

// clusterShardsCommand lists one shard with all slots and every server.
func (a *Admin) clusterShardsCommand(ctx context.Context, _ *command.Call) reply.Value {
	s := a.Member.Status()
	stored := map[string]uint64{}
	for _, r := range a.replicas(ctx) {
		if r.known {
			stored[r.server.ID] = r.stored
		}
	}
	stored[a.Server] = s.AppliedIndex
	slots := reply.List()
	if s.Leader != "" {
		slots = reply.List(reply.Int(0), reply.Int(command.Slots-1))
	}
	var nodes []reply.Value
	for _, server := range a.Roster.Servers() {
		if server.ClientAddr != "" {
			nodes = append(nodes, a.shardNode(server, s, stored[server.ID]))
		}
	}
	return reply.List(reply.MapOf(reply.Text("slots"), slots, reply.Text("nodes"), reply.List(nodes...)))
}

// shardNode returns one server's entry in the reply to CLUSTER SHARDS.
func (a *Admin) shardNode(server Server, s Status, offset uint64) reply.Value {
	host, port := splitAddr(server.ClientAddr)
	fields := []reply.Value{
		reply.Text("id"), reply.Text(nodeID(server.ID)),
		reply.Text("port"), reply.Int(int64(port)),
		reply.Text("ip"), reply.Text(host),
		reply.Text("endpoint"), reply.Text(host),
	}
	if _, err := netip.ParseAddr(host); err != nil {
		fields = append(fields, reply.Text("hostname"), reply.Text(host))
	}
	role, health := "replica", "online"
	switch {
	case server.ID == s.Leader:
		role = "master"
	case !server.Reachable:
		health = "fail"
	case offset+loadingLag < s.AppliedIndex:
		health = "loading"
	}
	return reply.MapOf(append(fields, reply.Text("role"), reply.Text(role),
		reply.Text("replication-offset"), number(offset), reply.Text("health"), reply.Text(health))...)
}
