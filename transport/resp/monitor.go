package resp

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// monitors are the clients that are sent every command that this node's clients run.
type monitors struct {
	mu  sync.Mutex // held to replace the list
	all atomic.Pointer[[]*client]
}

func (m *monitors) list() []*client {
	if all := m.all.Load(); all != nil {
		return *all
	}
	return nil
}

func (m *monitors) add(c *client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	more := append(slices.Clone(m.list()), c)
	m.all.Store(&more)
}

func (m *monitors) remove(c *client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fewer := slices.DeleteFunc(slices.Clone(m.list()), func(other *client) bool { return other == c })
	m.all.Store(&fewer)
}

// monitorCommand begins to send the client what others run (Redis 7.0).
func (c *client) monitorCommand([][]byte) reply.Value {
	c.setState(monitoring)
	return reply.OK
}

// show sends the monitors a command that was answered, and returns the line that
// stands behind the reply if the client was one of them when the command had run.
func (c *client) show(j *job) (own []byte) {
	if j.typed == nil || j.call.Command.Flags&(command.Admin|command.SkipMonitor) != 0 {
		return nil
	}
	line := reply.AppendRESP(nil, reply.Value{Kind: reply.Simple, Bytes: c.monitorLine(j)}, 2)
	for _, m := range c.server.monitors.list() {
		if m != c && !m.shown.silent.Load() {
			m.outbox.push(line)
		}
	}
	if j.own {
		return line
	}
	return nil
}

// seesItself reports whether a client that has just run a command is to be shown it:
// it monitors, stays, and what is said to it is not kept from it. The command that
// is not answered and has the next one not answered either, CLIENT REPLY SKIP, is shown.
func (c *client) seesItself(j *job) bool {
	return c.state() == monitoring && !c.closing && !c.session.silent && (!j.mute || c.session.skip)
}

// monitorLine describes a command as Redis 7.0 does: when it ran, for which database
// and client, and its arguments.
func (c *client) monitorLine(j *job) []byte {
	now := time.Now()
	micros := strconv.Itoa(1_000_000 + now.Nanosecond()/1000)[1:]
	line := strconv.AppendInt(nil, now.Unix(), 10)
	line = append(append(line, '.'), micros...)
	line = strconv.AppendInt(append(line, " ["...), int64(j.call.DB), 10)
	line = append(append(append(line, ' '), c.addr...), ']')
	line = appendQuoted(append(line, ' '), j.typed)
	secret := secretArguments(&j.call)
	for i, arg := range j.call.Args[1:] {
		line = append(line, ' ')
		if secret(i) {
			line = append(line, `"(redacted)"`...)
			continue
		}
		line = appendQuoted(line, arg)
	}
	return line
}

// secretArguments says which arguments behind the name nobody else may see.
func secretArguments(call *command.Call) func(i int) bool {
	switch call.Command.Name {
	case "auth":
		return func(int) bool { return true }
	case "hello":
		at := helloAuth(call.Args[1:])
		return func(i int) bool { return at > 0 && at <= i && i < at+2 }
	}
	return func(int) bool { return false }
}

// helloAuth finds the user that HELLO's option AUTH names, the password behind it, among
// the arguments; 0: there is none.
func helloAuth(args [][]byte) int {
	for i := 1; i < len(args); i++ {
		switch {
		case is(args[i], "AUTH"):
			return i + 1
		case is(args[i], "SETNAME"):
			i++
		}
	}
	return 0
}

// appendQuoted appends text in quotes, with Redis's escapes (sdscatrepr).
func appendQuoted(line, text []byte) []byte {
	line = append(line, '"')
	for _, b := range text {
		switch b {
		case '\\', '"':
			line = append(line, '\\', b)
		case '\n':
			line = append(line, `\n`...)
		case '\r':
			line = append(line, `\r`...)
		case '\t':
			line = append(line, `\t`...)
		case '\a':
			line = append(line, `\a`...)
		case '\b':
			line = append(line, `\b`...)
		default:
			if b >= ' ' && b <= '~' {
				line = append(line, b)
				continue
			}
			line = append(line, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return append(line, '"')
}

const hexDigits = "0123456789abcdef"
