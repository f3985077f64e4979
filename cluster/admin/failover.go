package admin

import (
	"context"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
)

// clusterFailoverCommand moves leadership to this node. FORCE and TAKEOVER change nothing: no
// election in Raft loses a write, and none succeeds without a majority.
func (a *Admin) clusterFailoverCommand(ctx context.Context, call *command.Call) reply.Value {
	if len(call.Args) > 3 {
		return wrongSubcommand(call)
	}
	if len(call.Args) == 3 && !strings.EqualFold(string(call.Args[2]), "force") && !strings.EqualFold(string(call.Args[2]), "takeover") {
		return errSyntax
	}
	s := a.Member.Status()
	switch {
	case s.Leader == a.Server:
		return reply.Err("ERR You should send CLUSTER FAILOVER to a replica")
	case s.Leader == "":
		return reply.Err("ERR I'm a replica but my master is unknown to me; a majority of voters elects one by itself")
	case !a.votes(a.Server):
		return reply.Err("ERR this node has no vote and cannot lead; give it one with RAFT PROMOTE " + member.ID(a.Server))
	}
	return a.change(ctx, func(ctx context.Context) error { return a.Members.Transfer(ctx, a.Server) })
}

func (a *Admin) votes(server string) bool {
	for _, s := range a.Roster.Servers() {
		if s.ID == server {
			return s.Voter
		}
	}
	return false
}

// failoverOptions holds the arguments of FAILOVER.
type failoverOptions struct {
	host         string
	port         int64
	to, force    bool
	timeoutMS    int64
	abort, timed bool
}

var errFailoverTimeout = reply.Err("ERR FAILOVER timeout must be greater than 0")

// parseFailover checks the arguments in Redis's order and refuses the first that is wrong.
func parseFailover(args [][]byte) (o failoverOptions, refusal reply.Value) {
	if len(args) == 1 && strings.EqualFold(string(args[0]), "abort") {
		return failoverOptions{abort: true}, refusal
	}
	for i := 0; i < len(args); i++ {
		var ok bool
		switch name := strings.ToLower(string(args[i])); {
		case name == "timeout" && i+1 < len(args) && !o.timed:
			i++
			o.timed = true
			if o.timeoutMS, ok = integer(args[i]); !ok {
				return o, errNotInteger
			}
			if o.timeoutMS <= 0 {
				return o, errFailoverTimeout
			}
		case name == "to" && i+2 < len(args) && !o.to:
			o.to, o.host = true, string(args[i+1])
			i += 2
			if o.port, ok = integer(args[i]); !ok {
				return o, errNotInteger
			}
		case name == "force" && !o.force:
			o.force = true
		default:
			return o, errSyntax
		}
	}
	return o, refusal
}

// failoverCommand moves leadership away from this node and answers once another node leads. It
// cannot lose a write, so FORCE changes nothing.
func (a *Admin) failoverCommand(ctx context.Context, call *command.Call) reply.Value {
	o, refusal := parseFailover(call.Args[1:])
	if refusal.IsError() {
		return refusal
	}
	if o.abort {
		if !a.failing.abort() {
			return reply.Err("ERR No failover in progress.")
		}
		return reply.OK
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !a.failing.begin(cancel) {
		return reply.Err("ERR FAILOVER already in progress.")
	}
	defer a.failing.end()
	to, refusal := a.heir(o)
	if refusal.IsError() {
		return refusal
	}
	if o.timed {
		timer := time.AfterFunc(time.Duration(min(o.timeoutMS, changeTimeout.Milliseconds()))*time.Millisecond, func() { cancel(errFailoverLate) })
		defer timer.Stop()
	}
	answer := a.change(ctx, func(ctx context.Context) error { return a.Members.Transfer(ctx, to) })
	if cause, ok := context.Cause(ctx).(failoverEnd); ok && answer.IsError() {
		return reply.Err(string(cause))
	}
	return answer
}

// heir returns the server that a FAILOVER names, or "" for any.
func (a *Admin) heir(o failoverOptions) (server string, refusal reply.Value) {
	if !a.Member.Status().Leading {
		return "", reply.Err("ERR FAILOVER is not valid when server is a replica.")
	}
	replicas := 0
	var target *Server
	for _, s := range a.Roster.Servers() {
		if s.ID == a.Server {
			continue
		}
		if s.Reachable {
			replicas++
		}
		if host, port := splitAddr(s.ClientAddr); o.to && host == o.host && int64(port) == o.port {
			target = &s
		}
	}
	switch {
	case replicas == 0:
		return "", reply.Err("ERR FAILOVER requires connected replicas.")
	case o.force && (!o.timed || !o.to):
		return "", reply.Err("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
	case !o.to:
		return "", refusal
	case target == nil:
		return "", reply.Err("ERR FAILOVER target HOST and PORT is not a replica.")
	case !target.Reachable:
		return "", reply.Err("ERR FAILOVER target replica is not online.")
	}
	return target.ID, refusal
}

// failoverEnd is the reason why a FAILOVER was given up before leadership had moved.
type failoverEnd string

func (e failoverEnd) Error() string { return string(e) }

const (
	errFailoverLate    failoverEnd = "ERR FAILOVER was given up after its timeout; leadership may still move, ROLE tells"
	errFailoverAborted failoverEnd = "ERR FAILOVER was aborted; leadership may still move, ROLE tells"
)

// replicaofCommand refuses REPLICAOF with advice, since every node of Kvorum follows the leader by
// itself.
func (a *Admin) replicaofCommand(_ context.Context, call *command.Call) reply.Value {
	if strings.EqualFold(string(call.Args[1]), "no") && strings.EqualFold(string(call.Args[2]), "one") {
		return reply.Err("ERR REPLICAOF NO ONE is not possible: the leader is elected, and no node leaves the cluster by itself." +
			" CLUSTER FAILOVER moves leadership here; RAFT REMOVE on another node takes this one out")
	}
	return reply.Err("ERR REPLICAOF is not possible: every node follows the elected leader by itself." +
		" Start a new server with --join, or invite one that waits with CLUSTER MEET or RAFT ADD")
}
