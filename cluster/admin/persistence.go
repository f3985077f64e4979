package admin

import (
	"context"
	"strings"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

var (
	errSyntax     = reply.Err("ERR syntax error")
	errNotInteger = reply.Err("ERR value is not an integer or out of range")
	errSaving     = reply.Err("ERR Background save already in progress")
	errNoShutdown = reply.Err("ERR No shutdown in progress.")
	errShutdown   = reply.Err("ERR Errors trying to SHUTDOWN. Check logs.")
)

// lastSaveCommand tells when the last snapshot was taken; like Redis, the
// moment of the start counts as one.
func (a *Admin) lastSaveCommand(context.Context, *command.Call) reply.Value {
	return reply.Int(a.lastSave(a.Member.Status()).Unix())
}

func (a *Admin) lastSave(s Status) time.Time {
	if s.Snapshot.TakenAt.IsZero() {
		return a.started
	}
	return s.Snapshot.TakenAt
}

func (a *Admin) saveCommand(ctx context.Context, _ *command.Call) reply.Value {
	if !a.beginSave() {
		return errSaving
	}
	defer a.endSave()
	if err := a.Member.Snapshot(ctx); err != nil {
		return reply.Err("ERR snapshot failed: " + oneLine(err.Error()))
	}
	return reply.OK
}

// bgSaveCommand begins a snapshot that no client waits for; how it ended is in
// INFO persistence. SCHEDULE changes nothing: a snapshot never has to wait.
func (a *Admin) bgSaveCommand(_ context.Context, call *command.Call) reply.Value {
	if len(call.Args) > 2 || len(call.Args) == 2 && !strings.EqualFold(string(call.Args[1]), "schedule") {
		return errSyntax
	}
	if !a.beginSave() {
		return errSaving
	}
	a.work.Go(func() {
		defer a.endSave()
		ctx, cancel := context.WithTimeout(a.ctx, saveTimeout)
		defer cancel()
		_ = a.Member.Snapshot(ctx) // the member reports it: its log, and Status().Snapshot.Failed
	})
	return reply.Status("Background saving started")
}

func (a *Admin) beginSave() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.saving || a.ctx.Err() != nil || a.Member.Status().Snapshot.Running {
		return false
	}
	a.saving = true
	return true
}

func (a *Admin) endSave() {
	a.mu.Lock()
	a.saving = false
	a.mu.Unlock()
}

// shutdown is what the arguments of SHUTDOWN ask for.
type shutdown struct{ save, noSave, now, force, abort bool }

func parseShutdown(args [][]byte) (s shutdown, ok bool) {
	for _, arg := range args {
		switch strings.ToLower(string(arg)) {
		case "save":
			s.save = true
		case "nosave":
			s.noSave = true
		case "now":
			s.now = true
		case "force":
			s.force = true
		case "abort":
			s.abort = true
		default:
			return s, false
		}
	}
	return s, !(s.save && s.noSave) && !(s.abort && (s.save || s.noSave || s.now || s.force))
}

// shutdownCommand stops this node. Nothing acknowledged is in memory only, so
// a snapshot is taken only if SAVE asks for it. There is no reply but the end
// of the connection: the call waits for it.
func (a *Admin) shutdownCommand(ctx context.Context, call *command.Call) reply.Value {
	s, ok := parseShutdown(call.Args[1:])
	switch {
	case !ok:
		return errSyntax
	case s.abort:
		return errNoShutdown // a stop that has begun answers no commands
	}
	if s.save && a.Member != nil { // a node that has not entered its cluster has nothing to save
		if err := a.Member.Snapshot(ctx); err != nil && !s.force {
			return errShutdown
		}
	}
	a.Process.Shutdown(s.now)
	return reply.OK
}

// oneLine keeps a text fit for an error reply.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
