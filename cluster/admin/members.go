package admin

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// change runs one membership change and answers with its outcome. It is bounded by changeTimeout: a
// change that takes longer is answered as uncertain, and repeating it is harmless.
func (a *Admin) change(ctx context.Context, do func(context.Context) error) reply.Value {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	stop := context.AfterFunc(a.ctx, cancel)
	defer stop()
	err := do(ctx)
	var refused *cluster.Refused
	switch {
	case err == nil:
		return reply.OK
	case errors.As(err, &refused):
		return reply.Err("ERR " + oneLine(refused.Text))
	}
	return reply.Err("UNCERTAIN the change may or may not be made; RAFT STATUS tells, and repeating it is harmless (" + oneLine(err.Error()) + ")")
}

// serverNamed translates a client's name for a server into one that Members understands. A node id
// of CLUSTER NODES becomes the server's name; any other text stays as it is.
func (a *Admin) serverNamed(arg []byte) string {
	if server, ok := a.serverByNodeID(arg); ok {
		return server.ID
	}
	return string(arg)
}

// raftAddCommand is RAFT ADD host:port [NONVOTER].
func (a *Admin) raftAddCommand(ctx context.Context, call *command.Call) reply.Value {
	addr, options := string(call.Args[2]), call.Args[3:]
	voter := len(options) == 0
	if len(options) > 1 || !voter && !strings.EqualFold(string(options[0]), "nonvoter") {
		return errSyntax
	}
	if host, port := splitAddr(addr); host == "" || port <= 0 || port > portMax {
		return reply.Err("ERR '" + clip(call.Args[2]) + "' is not of the form host:port; give the address that the new server's other nodes are to dial (--peer-advertise)")
	}
	return a.change(ctx, func(ctx context.Context) error { return a.Members.Invite(ctx, addr, voter) })
}

// forced parses the optional FORCE of RAFT REMOVE and RAFT DEMOTE.
func forced(options [][]byte) (force, ok bool) {
	switch {
	case len(options) == 0:
		return false, true
	case len(options) == 1 && strings.EqualFold(string(options[0]), "force"):
		return true, true
	}
	return false, false
}

// raftRemoveCommand is RAFT REMOVE id [FORCE].
func (a *Admin) raftRemoveCommand(ctx context.Context, call *command.Call) reply.Value {
	force, ok := forced(call.Args[3:])
	if !ok {
		return errSyntax
	}
	return a.change(ctx, func(ctx context.Context) error {
		return a.Members.Remove(ctx, a.serverNamed(call.Args[2]), force)
	})
}

// raftDemoteCommand is RAFT DEMOTE id [FORCE].
func (a *Admin) raftDemoteCommand(ctx context.Context, call *command.Call) reply.Value {
	force, ok := forced(call.Args[3:])
	if !ok {
		return errSyntax
	}
	return a.change(ctx, func(ctx context.Context) error {
		return a.Members.Demote(ctx, a.serverNamed(call.Args[2]), force)
	})
}

// raftPromoteCommand is RAFT PROMOTE id.
func (a *Admin) raftPromoteCommand(ctx context.Context, call *command.Call) reply.Value {
	return a.change(ctx, func(ctx context.Context) error {
		return a.Members.Promote(ctx, a.serverNamed(call.Args[2]))
	})
}

// raftTransferCommand is RAFT TRANSFER [id].
func (a *Admin) raftTransferCommand(ctx context.Context, call *command.Call) reply.Value {
	to := ""
	switch len(call.Args) {
	case 2:
	case 3:
		to = a.serverNamed(call.Args[2])
	default:
		return errSyntax
	}
	return a.change(ctx, func(ctx context.Context) error { return a.Members.Transfer(ctx, to) })
}

// raftUpgradeCommand is RAFT UPGRADE FINISH.
func (a *Admin) raftUpgradeCommand(ctx context.Context, call *command.Call) reply.Value {
	if !strings.EqualFold(string(call.Args[2]), "finish") {
		return errSyntax
	}
	return a.change(ctx, a.Upgrader.FinishUpgrade)
}

// clusterMeetCommand invites the server that waits at a client address. As in Redis, its peer port
// is the client port + 10000 unless the client gives one.
func (a *Admin) clusterMeetCommand(ctx context.Context, call *command.Call) reply.Value {
	if len(call.Args) > 5 {
		return wrongSubcommand(call)
	}
	port, ok := integer(call.Args[3])
	if !ok {
		return reply.Err("ERR Invalid TCP base port specified: " + clip(call.Args[3]))
	}
	bus := port + busPortOffset
	if len(call.Args) == 5 {
		if bus, ok = integer(call.Args[4]); !ok {
			return reply.Err("ERR Invalid TCP bus port specified: " + clip(call.Args[4]))
		}
	}
	host := string(call.Args[2])
	if host == "" || strings.ContainsAny(host, " \t\r\n") || port <= 0 || port > portMax || bus <= 0 || bus > portMax {
		return reply.Err("ERR Invalid node address specified: " + clip(call.Args[2]) + ":" + clip(call.Args[3]))
	}
	addr := net.JoinHostPort(host, strconv.FormatInt(bus, 10))
	return a.change(ctx, func(ctx context.Context) error { return a.Members.Invite(ctx, addr, true) })
}

// clusterForgetCommand removes a server from the whole cluster, not only from this node's view.
func (a *Admin) clusterForgetCommand(ctx context.Context, call *command.Call) reply.Value {
	server, ok := a.serverByNodeID(call.Args[2])
	switch {
	case !ok:
		return unknownNode(call.Args[2])
	case server.ID == a.Server:
		return reply.Err("ERR I tried hard but I can't forget myself...")
	case server.ID == a.Member.Status().Leader:
		return reply.Err("ERR Can't forget my master!")
	}
	return a.change(ctx, func(ctx context.Context) error { return a.Members.Remove(ctx, server.ID, false) })
}

// clusterResetCommand refuses CLUSTER RESET, since only the other members can remove a server.
func (a *Admin) clusterResetCommand(_ context.Context, call *command.Call) reply.Value {
	if len(call.Args) > 3 {
		return wrongSubcommand(call)
	}
	if len(call.Args) == 3 && !strings.EqualFold(string(call.Args[2]), "hard") && !strings.EqualFold(string(call.Args[2]), "soft") {
		return errSyntax
	}
	return reply.Err("ERR CLUSTER RESET is not possible: a server leaves by CLUSTER FORGET or RAFT REMOVE on another node," +
		" and comes back as a new one with an empty data directory")
}

func (a *Admin) serverByNodeID(id []byte) (Server, bool) {
	for _, server := range a.Roster.Servers() {
		if nodeID(server.ID) == string(id) {
			return server, true
		}
	}
	return Server{}, false
}

func unknownNode(id []byte) reply.Value { return reply.Err("ERR Unknown node " + clip(id)) }

// wrongSubcommand is Redis's reply to a sub-command with too many arguments.
func wrongSubcommand(call *command.Call) reply.Value {
	return reply.Err("ERR unknown subcommand or wrong number of arguments for '" + clip(call.Args[1]) +
		"'. Try " + string(upper(call.Args[0])) + " HELP.")
}
