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

// value returns the present value of a setting on this node.
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

// configGetCommand returns each setting that an argument names or matches, once. As in Redis, a
// plain name comes back as the client wrote it.
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

// change is one name and value of a CONFIG SET.
type change struct {
	row   *setting.Row
	value string    // in its canonical form once checked
	own   *ownValue // the value that it gave to a setting of this node, once applied
}

// ownValue is a value that a CONFIG SET gave to a setting of this node. Each CONFIG SET makes its
// own, so that equal values of two of them can be told apart. Admin.tuning guards it.
type ownValue struct {
	value    string    // never changes
	previous *ownValue // what it replaced, while it may still be taken back; then nil
	failed   bool      // it was taken back, or will be once later values are
}

// configSetCommand changes all of its settings or none. It first checks every pair, then applies
// this node's own settings, and takes them back if the replicated ones fail. Other CONFIG SETs do
// not wait for the log meanwhile, and a setting that one of them has changed since then keeps that
// change.
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

// nameChanges checks the names of all pairs before any value, as Redis does. It refuses the first
// name that does not exist, cannot be set or occurs twice.
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

// tuneAll checks the values of all pairs and applies this node's own settings, all or none. It
// returns those that it has applied.
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

// tune applies this node's own settings in order, up to the first that fails. It returns those that
// it has applied.
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

// takeBack undoes applied settings that nobody has changed since. It restores the newest value that
// did not fail. The caller holds tuning.
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

// ownOf returns the present value of a setting of this node.
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

// configResetStatCommand resets the counters of all components.
func (a *Admin) configResetStatCommand(context.Context, *command.Call) reply.Value {
	for _, s := range a.Statistics {
		s.ResetStats()
	}
	a.mu.Lock()
	a.peakHeap = 0
	a.mu.Unlock()
	return reply.OK
}
