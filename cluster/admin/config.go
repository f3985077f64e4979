package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/command/glob"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
)

// Settings reads the replicated settings of this node's machine.
type Settings interface {
	Setting(name string) (value string, ok bool)
}

// value is what a setting is on this node now.
func (a *Admin) value(row *setting.Row) string {
	switch row.Scope {
	case setting.Replicated:
		if value, ok := a.Settings.Setting(row.Name); ok {
			return value
		}
	case setting.Node:
		a.mu.Lock()
		defer a.mu.Unlock()
		if own := a.own[row.Name]; own != nil {
			return own.value
		}
	}
	return row.Default
}

// configGetCommand answers each setting that some argument names or matches,
// once. As in Redis, a plain name comes back as the client wrote it.
func (a *Admin) configGetCommand(_ context.Context, call *command.Call) reply.Value {
	seen := map[string]bool{}
	var pairs []reply.Value
	add := func(name string, row *setting.Row) {
		if !seen[row.Name] {
			seen[row.Name] = true
			pairs = append(pairs, reply.Text(name), reply.Text(a.value(row)))
		}
	}
	for _, arg := range call.Args[2:] {
		if !strings.ContainsAny(string(arg), "[*?") {
			if row := setting.Find(string(arg)); row != nil {
				add(string(arg), row)
			}
			continue
		}
		pattern := []byte(strings.ToLower(string(arg)))
		for i := range setting.Table {
			if glob.Match(pattern, []byte(setting.Table[i].Name)) {
				add(setting.Table[i].Name, &setting.Table[i])
			}
		}
	}
	return reply.MapOf(pairs...)
}

// change is one pair of a CONFIG SET.
type change struct {
	row   *setting.Row
	value string    // canonical
	own   *ownValue // what it made of a setting of this node's, once applied
}

// ownValue is a value that a setting of this node's was given. Each CONFIG SET makes one of
// its own, so that equal values of two are told apart. Admin.tuning guards it.
type ownValue struct {
	value    string    // never changes
	previous *ownValue // what it stands in for, while it may be taken back; then nil
	failed   bool      // it was taken back, or is to be once what was set since is
}

// configSetCommand changes all of its settings or none: every pair is checked
// first; this node's own are applied, and taken back if what is replicated
// then fails. Nobody else's CONFIG SET waits for the log meanwhile: whoever has
// set one of these settings since keeps what he has set.
func (a *Admin) configSetCommand(ctx context.Context, call *command.Call) reply.Value {
	if len(call.Args)%2 != 0 {
		return errSyntax
	}
	changes, refusal := a.nameChanges(call.Args[2:])
	if refusal.IsError() {
		return refusal
	}
	done, refusal := a.tuneAll(changes)
	if refusal.IsError() {
		return refusal
	}
	answer := a.replicate(ctx, changes)
	a.tuning.Lock()
	defer a.tuning.Unlock()
	if answer.IsError() {
		a.takeBack(done)
		return answer
	}
	for _, c := range done {
		c.own.previous = nil
	}
	return reply.OK
}

// nameChanges checks the names of the pairs, as Redis does before any value: the
// first that does not exist, cannot be set or stands twice is the answer.
func (a *Admin) nameChanges(args [][]byte) (changes []change, refusal reply.Value) {
	for i := 0; i < len(args); i += 2 {
		name := string(args[i])
		row := setting.Find(name)
		if row == nil {
			return nil, reply.Err(setting.UnknownReply(clip(args[i])))
		}
		fixed := row.Fixed()
		switch {
		case fixed != nil:
			return nil, reply.Err(setting.RefusedReply(name, fixed))
		case slices.ContainsFunc(changes, func(c change) bool { return c.row == row }):
			return nil, reply.Err(setting.RefusedReply(name, setting.ErrDuplicate))
		}
		changes = append(changes, change{row: row, value: string(args[i+1])})
	}
	return changes, reply.Value{}
}

// tuneAll checks the values of the pairs and applies this node's own settings,
// all or none. It returns those that it has applied.
func (a *Admin) tuneAll(changes []change) (done []change, refusal reply.Value) {
	a.tuning.Lock()
	defer a.tuning.Unlock()
	for i := range changes {
		c := &changes[i]
		previous := c.row.Default
		if c.row.Scope == setting.Node {
			previous = a.value(c.row)
		}
		canonical, err := c.row.Parse(c.value, previous)
		if err != nil {
			return nil, reply.Err(setting.RefusedReply(c.row.Name, err))
		}
		c.value = canonical
	}
	if done, refusal = a.tune(changes); refusal.IsError() {
		a.takeBack(done)
	}
	return done, refusal
}

// tune applies this node's own settings and returns those that it has applied.
func (a *Admin) tune(changes []change) (done []change, refusal reply.Value) {
	for _, c := range changes {
		if c.row.Scope != setting.Node {
			continue
		}
		if err := a.Tuner.Tune(c.row.Name, c.value); err != nil {
			return done, reply.Err(setting.RefusedReply(c.row.Name, err))
		}
		c.own = &ownValue{value: c.value, previous: a.ownOf(c.row)}
		a.setOwn(c.row.Name, c.own)
		done = append(done, c)
	}
	return done, reply.Value{}
}

// takeBack restores what was before, where nothing was set since: the newest value that did
// not fail. The caller holds tuning.
func (a *Admin) takeBack(done []change) {
	for _, c := range done {
		c.own.failed = true
		now := a.ownOf(c.row)
		if now != c.own {
			continue
		}
		for now.failed {
			now = now.previous
		}
		if a.Tuner.Tune(c.row.Name, now.value) == nil {
			a.setOwn(c.row.Name, now)
		}
	}
}

// ownOf is the value of a setting of this node's.
func (a *Admin) ownOf(row *setting.Row) *ownValue {
	a.mu.Lock()
	defer a.mu.Unlock()
	if own := a.own[row.Name]; own != nil {
		return own
	}
	return &ownValue{value: row.Default}
}

func (a *Admin) setOwn(name string, own *ownValue) {
	a.mu.Lock()
	a.own[name] = own
	a.mu.Unlock()
}

// replicate sends the replicated settings through the log, in one command.
func (a *Admin) replicate(ctx context.Context, changes []change) reply.Value {
	args := [][]byte{[]byte("raft"), []byte("set")}
	for _, c := range changes {
		if c.row.Scope == setting.Replicated {
			args = append(args, []byte(c.row.Name), []byte(c.value))
		}
	}
	if len(args) == 2 {
		return reply.OK
	}
	row, refusal := command.Lookup(args)
	if row == nil {
		return refusal
	}
	call := &command.Call{Command: row, Args: args}
	a.Executor.Write(ctx, []*command.Call{call})
	return call.Reply
}

// configResetStatCommand sets the counters of every component to zero.
func (a *Admin) configResetStatCommand(context.Context, *command.Call) reply.Value {
	for _, s := range a.Statistics {
		s.ResetStats()
	}
	a.mu.Lock()
	a.peakHeap = 0
	a.mu.Unlock()
	return reply.OK
}
