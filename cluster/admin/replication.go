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

// roleCommand is ROLE in Redis's words: the leader is the master and every other node its replica.
// Offsets are log indexes.
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

// linkState describes this node's link to its leader in Redis's words.
func linkState(s Status) string {
	switch {
	case s.Leader == "":
		return "connect"
	case !s.Ready:
		return "sync"
	}
	return "connected"
}

// replica is another server's answer about what it has stored.
type replica struct {
	server Server
	stored uint64
	known  bool // it answered in time, and its client address is known
}

// replicas asks every other reachable server what it has stored.
func (a *Admin) replicas(ctx context.Context) []replica {
	return a.ask(ctx, func(string) bool { return false })
}

// ask asks every other reachable server, except those for which skip returns true.
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

// waitCommand counts the other nodes that have stored every write of this connection that was
// answered. This node's machine has applied all of them, so its applied index bounds them. An
// answered write is on a majority in any case; WAIT covers the rest.
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

// awaitStored asks the other nodes until enough of them have stored this node's applied index, or
// ctx ends. It does not ask a node again that has stored it.
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

// integer parses a number as strictly as Redis: no plus sign and no leading zeros.
func integer(arg []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == string(arg)
}

// number returns an index or a term as a reply.
func number(n uint64) reply.Value { return reply.Int(int64(n)) }

// splitAddr splits host:port. Text that it cannot split counts as a host without a port.
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

// clientAddr returns a server's address for clients, or "" if it is unknown.
func (a *Admin) clientAddr(server string) string {
	for _, s := range a.Roster.Servers() {
		if s.ID == server {
			return s.ClientAddr
		}
	}
	return ""
}
