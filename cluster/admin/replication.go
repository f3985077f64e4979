package admin

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// roleCommand answers in Redis's words: the leader is the master, every other
// node its replica. Offsets are indexes of the log.
func (a *Admin) roleCommand(ctx context.Context, _ *command.Call) reply.Value {
	s := a.Member.Status()
	if s.Leading {
		var replicas []reply.Value
		for _, r := range a.replicas(ctx) {
			if !r.known {
				continue
			}
			host, port := splitAddr(r.server.ClientAddr)
			replicas = append(replicas, reply.List(reply.Text(host), reply.Text(strconv.Itoa(port)),
				reply.Text(strconv.FormatUint(r.stored, 10))))
		}
		return reply.List(reply.Text("master"), number(s.CommitIndex), reply.List(replicas...))
	}
	host, port := splitAddr(a.clientAddr(s.Leader))
	return reply.List(reply.Text("slave"), reply.Text(host), reply.Int(int64(port)),
		reply.Text(linkState(s)), number(s.AppliedIndex))
}

// linkState says in Redis's words how this node stands to its leader.
func linkState(s Status) string {
	switch {
	case s.Leader == "":
		return "connect"
	case !s.Ready:
		return "sync"
	}
	return "connected"
}

// replica is what another server answered of itself.
type replica struct {
	server Server
	stored uint64
	known  bool // it answered in time, and clients have an address for it
}

// replicas asks every other server that is in reach for what it has stored.
func (a *Admin) replicas(ctx context.Context) []replica {
	return a.ask(ctx, func(string) bool { return false })
}

// ask asks every other server that is in reach, except those that skip names.
func (a *Admin) ask(ctx context.Context, skip func(server string) bool) []replica {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var replicas []replica
	for _, s := range a.Roster.Servers() {
		if s.ID != a.Server && !skip(s.ID) {
			replicas = append(replicas, replica{server: s})
		}
	}
	var asked sync.WaitGroup
	for i := range replicas {
		r := &replicas[i]
		if !r.server.Reachable || r.server.ClientAddr == "" {
			continue
		}
		asked.Go(func() {
			stored, err := a.Roster.Stored(ctx, r.server.ID)
			r.stored, r.known = stored, err == nil
		})
	}
	asked.Wait()
	return replicas
}

// waitCommand counts the other nodes that have stored everything that this
// connection was told: this node's machine has applied all of it, so its index
// is a bound for it. What WAIT adds to Kvorum's promise (a majority) is the rest.
func (a *Admin) waitCommand(ctx context.Context, call *command.Call) reply.Value {
	wanted, ok := integer(call.Args[1])
	if !ok {
		return errNotInteger
	}
	timeoutMS, ok := integer(call.Args[2])
	switch {
	case !ok:
		return reply.Err("ERR timeout is not an integer or out of range")
	case timeoutMS < 0:
		return reply.Err("ERR timeout is negative")
	case timeoutMS > int64(waitTimeoutMax/time.Millisecond):
		return reply.Err("ERR timeout is out of range")
	}
	if timeoutMS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(timeoutMS)*time.Millisecond)
		defer cancel()
	}
	return reply.Int(a.awaitStored(ctx, wanted))
}

// awaitStored asks until enough other nodes have stored this node's index or
// ctx ends. A node that has stored it is not asked again.
func (a *Admin) awaitStored(ctx context.Context, wanted int64) int64 {
	index := a.Member.Status().AppliedIndex
	have := map[string]bool{}
	for pause := waitPauseMin; ; pause = min(2*pause, waitPauseMax) {
		for _, r := range a.ask(ctx, func(server string) bool { return have[server] }) {
			if r.known && r.stored >= index {
				have[r.server.ID] = true
			}
		}
		if int64(len(have)) >= wanted {
			return int64(len(have))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return int64(len(have))
		case <-a.ctx.Done():
			timer.Stop()
			return int64(len(have))
		}
	}
}

// integer reads a number as strictly as Redis does: no sign "+", no zeros in front.
func integer(arg []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == string(arg)
}

// number is an index or a term as a reply.
func number(n uint64) reply.Value { return reply.Int(int64(n)) }

// splitAddr splits host:port; what cannot be split is a host without a port.
func splitAddr(addr string) (host string, port int) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	port, err = strconv.Atoi(text)
	if err != nil {
		return host, 0
	}
	return host, port
}

// clientAddr is what clients are told of a server, "" if it is not known.
func (a *Admin) clientAddr(server string) string {
	for _, s := range a.Roster.Servers() {
		if s.ID == server {
			return s.ClientAddr
		}
	}
	return ""
}
