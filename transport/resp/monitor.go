package resp

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// monitors is the list of clients that are sent every command that this node's clients run.
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

// monitorCommand starts to send the client the commands of all clients (Redis 7.0).
func (c *client) monitorCommand([][]byte) reply.Value {
	c.setState(monitoring)
	return reply.OK
}

// show sends an answered command to the monitors. If the client itself was a monitor when its
// command had run, it gets the line after the reply.
func (c *client) show(j *job) {
	if j.typed == nil || j.call.Command.Flags&(command.Admin|command.SkipMonitor) != 0 {
		return
	}
	size, build := c.monitorLine(j)
	for _, m := range c.server.monitors.list() {
		if m != c && !m.shown.silent.Load() {
			m.outbox.push(size, build)
		}
	}
	if j.own {
		c.outbox.addOwn(size, build)
	}
}

// seesItself reports whether a client that has just run a command is shown that command. It is if
// it monitors, stays connected, and its replies are not switched off. CLIENT REPLY SKIP is shown,
// although neither it nor the next command is answered.
func (c *client) seesItself(j *job) bool {
	return c.state() == monitoring && !c.closing && !c.session.silent && (!j.mute || c.session.skip)
}

// monitorLine formats a command as Redis 7.0 does: its time, database, client and arguments. size
// is the length of the line on the wire, up to four bytes for each byte of the command. build makes
// the line on its first call, so a line that no monitor may have takes no memory.
func (c *client) monitorLine(j *job) (size int64, build func() []byte) {
	now := time.Now()
	micros := strconv.Itoa(1_000_000 + now.Nanosecond()/1000)[1:]
	head := strconv.AppendInt([]byte{'+'}, now.Unix(), 10)
	head = append(append(head, '.'), micros...)
	head = strconv.AppendInt(append(head, " ["...), int64(j.call.DB), 10)
	head = append(append(append(head, ' '), c.addr...), "] "...)
	secret := secretArguments(&j.call)
	size = int64(len(head)) + quotedBytes(j.typed) + int64(len("\r\n"))
	for i, arg := range j.call.Args[1:] {
		if secret(i) {
			arg = redacted
		}
		size += 1 + quotedBytes(arg)
	}
	return size, sync.OnceValue(func() []byte {
		line := append(make([]byte, 0, size), head...)
		line = appendQuoted(line, j.typed)
		for i, arg := range j.call.Args[1:] {
			if secret(i) {
				arg = redacted
			}
			line = appendQuoted(append(line, ' '), arg)
		}
		return append(line, "\r\n"...)
	})
}

// redacted replaces an argument that nobody else may see.
var redacted = []byte("(redacted)")

// secretArguments returns a function that says which arguments after the name nobody else may see.
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

// helloAuth returns the index of the user name of HELLO's option AUTH among the arguments, or 0 if
// there is none. The password follows it.
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
		line = append(line, escaped[b]...)
	}
	return append(line, '"')
}

// quotedBytes returns how many bytes appendQuoted would append.
func quotedBytes(text []byte) int64 {
	size := int64(len(`""`))
	for _, b := range text {
		size += int64(len(escaped[b]))
	}
	return size
}

// escaped holds each byte as it appears between quotes.
var escaped = func() (all [256]string) {
	for b := range all {
		all[b] = fmt.Sprintf(`\x%02x`, b)
		if b >= ' ' && b <= '~' {
			all[b] = string(rune(b))
		}
	}
	for b, letter := range map[byte]string{'\\': `\`, '"': `"`, '\n': "n", '\r': "r", '\t': "t", '\a': "a", '\b': "b"} {
		all[b] = `\` + letter
	}
	return all
}()
