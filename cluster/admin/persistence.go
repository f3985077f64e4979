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

// lastSaveCommand returns the time of the last snapshot. Before the first it is the time of the
// start, as in Redis.
func (a *Admin) lastSaveCommand(context.Context, *command.Call) reply.Value {
	return reply.Int(a.lastSave(a.Member.Status()).Unix())
}

func (a *Admin) lastSave(s Status) time.Time {
	if s.Snapshot.TakenAt.IsZero() {
		return a.started
	}
	return s.Snapshot.TakenAt
}

// saveCommand is SAVE: it takes a snapshot and waits for it.
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

// bgSaveCommand starts a snapshot for which no client waits; INFO persistence shows how it ended.
// SCHEDULE changes nothing, because a snapshot never has to wait.
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
		_ = a.Member.Snapshot(ctx) // the member reports the error in its log and in Status().Snapshot.Failed
	})
	return reply.Status("Background saving started")
}

// beginSave reserves the only snapshot that may run, and reports whether it could.
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

// shutdown holds the arguments of SHUTDOWN.
type shutdown struct{ save, noSave, now, force, abort bool }

// parseShutdown parses the arguments of SHUTDOWN. ok is false if one is unknown or two contradict.
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

// shutdownCommand stops this node. No acknowledged write is only in memory, so it takes a snapshot
// only for SAVE. The client gets no reply but the end of its connection.
func (a *Admin) shutdownCommand(ctx context.Context, call *command.Call) reply.Value {
	s, ok := parseShutdown(call.Args[1:])
	switch {
	case !ok:
		return errSyntax
	case s.abort:
		return errNoShutdown // a node that is stopping answers no commands
	}
	if s.save && a.Member != nil { // a node that is not in its cluster yet has nothing to save
		if err := a.Member.Snapshot(ctx); err != nil && !s.force {
			return errShutdown
		}
	}
	a.Process.Shutdown(s.now)
	return reply.OK
}

// oneLine makes a text fit for an error reply, which must not contain line ends.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
