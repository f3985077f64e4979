package peer

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// welcome reads the greeting on an accepted connection, answers it, and serves the connection's
// lane until it ends.
func (e *Endpoint) welcome(conn *tracked) {
	g, err := e.meet(conn)
	if err != nil {
		e.refuse(conn, g, err)
		return
	}
	if g.Lane == Raft {
		if !e.streams.offer(conn, g.From) {
			conn.Close()
		}
		return
	}
	err = e.serve(conn, Caller{Lane: g.Lane, Cluster: g.Cluster, Server: g.From})
	switch {
	case err == nil || e.ctx.Err() != nil:
	case !conn.served.Load():
		e.refuse(conn, g, err)
	default:
		e.cfg.Logger.Debug("a peer's connection ended", slog.String("from", g.From), slog.Any("error", err))
	}
}

// refuse ends a connection that carried nothing. It logs at debug level what is expected: a port
// probe, which says nothing and leaves, or a server that is early or late. Anything else is an
// operator's mistake or an attack, and goes to complaints.
func (e *Endpoint) refuse(conn net.Conn, g Greeting, err error) {
	from := conn.RemoteAddr().String()
	conn.Close()
	var refusal *Refusal
	expected := errors.As(err, &refusal) && refusal.Reason != WrongCluster && refusal.Reason != WrongProtocol
	probe := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
	if probe || expected || e.ctx.Err() != nil {
		e.cfg.Logger.Debug("a peer's connection was not taken", slog.String("from", g.From), slog.Any("error", err))
		return
	}
	if errors.Is(err, net.ErrClosed) {
		err = errNoRoom
	}
	e.untaken.note(err, slog.String("last_from", from))
}

// meet reads the greeting and answers it. An error means that it was refused or could not be read.
func (e *Endpoint) meet(conn net.Conn) (g Greeting, err error) {
	if err := conn.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return g, err
	}
	version, body, err := readSealed(conn)
	if err != nil {
		return g, err // bytes that are not a greeting get no answer
	}
	var refusal *Refusal
	if version != greetingVersion {
		refusal = &Refusal{Reason: WrongProtocol, Text: fmt.Sprintf("version %d is unknown, this server speaks %d", version, greetingVersion)}
	} else if g, err = decodeGreeting(body); err != nil {
		return g, err
	} else {
		refusal = e.judge(g)
	}
	if refusal != nil {
		refusal.Server = e.cfg.Server
	}
	w := welcome{server: e.cfg.Server, cluster: e.Cluster()}
	if refusal != nil {
		w.refused, w.text = refusal.Reason, refusal.Text
	}
	if _, err := conn.Write(w.appendTo(nil)); err != nil {
		return g, fmt.Errorf("answer a greeting: %w", err)
	}
	if refusal != nil {
		return g, refusal
	}
	if err := conn.SetDeadline(time.Time{}); err != nil || g.Lane == Raft {
		return g, err
	}
	return g, conn.SetReadDeadline(time.Now().Add(firstWordWithin))
}

// judge checks whether a greeting may be accepted. It does not check whether the caller is in this
// server's configuration, which may be older than the caller's (Raft dissertation 4.1).
func (e *Endpoint) judge(g Greeting) *Refusal {
	cluster, server := e.Cluster(), e.cfg.Server
	switch {
	case g.Lane < Raft || g.Lane > Hello:
		return &Refusal{Reason: NotServing, Text: fmt.Sprintf("lane %d is unknown", g.Lane)}
	case g.To != "" && g.To != server:
		return &Refusal{Reason: WrongServer, Text: fmt.Sprintf("meant for %q, this is %q", g.To, server)}
	case g.Lane != Hello && cluster == "":
		return &Refusal{Reason: NotMember, Text: fmt.Sprintf("%q does not belong to a cluster yet", server)}
	case g.Cluster != "" && cluster != "" && g.Cluster != cluster:
		return &Refusal{Reason: WrongCluster, Text: fmt.Sprintf("meant for cluster %q, %q belongs to %q", g.Cluster, server, cluster)}
	case g.Lane == Raft && e.streams.isClosed():
		return &Refusal{Reason: NotServing, Text: fmt.Sprintf("%q is not taking part at the moment", server)}
	}
	err := e.cfg.Handler.Admit(g)
	if err == nil {
		return nil
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		own := *refusal // the caller of judge sets its Server
		return &own
	}
	return &Refusal{Reason: NotAdmitted, Text: err.Error()}
}
