package resp

import (
	"bytes"

	"github.com/kvorum/kvorum/fsm/reply"
)

var (
	errWrongPass = reply.Err("WRONGPASS invalid username-password pair or user is disabled.")
	errNoProto   = reply.Err("NOPROTO unsupported protocol version")
	errHelloAuth = reply.Err("NOAUTH HELLO must be called with the client already authenticated, " +
		"otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client " +
		"and select the RESP protocol version at the same time")
	errNoPassword = reply.Err("ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?")
)

// withDefaults returns the greeting with the values of Redis 7.0 in place of zero values.
func (g Greeting) withDefaults() Greeting {
	if g.Server == "" {
		g.Server = "redis"
	}
	if g.Version == "" {
		g.Version = "7.0.15"
	}
	if g.Mode == "" {
		g.Mode = "standalone"
	}
	if g.Role == nil {
		g.Role = func() string { return "master" }
	}
	return g
}

// authCommand is AUTH [user] password.
func (c *client) authCommand(args [][]byte) reply.Value {
	user, password := []byte("default"), args[1]
	switch {
	case len(args) > 3:
		return errSyntax
	case len(args) == 3:
		user, password = args[1], args[2]
	case c.server.settings.password.Load() == nil:
		return errNoPassword
	}
	if !c.authenticate(user, password) {
		return errWrongPass
	}
	return reply.OK
}

func (c *client) authenticate(user, password []byte) bool {
	if !c.server.settings.accepts(user, password) {
		return false
	}
	c.session.authenticated = true
	return true
}

// helloCommand is HELLO [protover [AUTH user password] [SETNAME name]].
func (c *client) helloCommand(args [][]byte) reply.Value {
	id, refusal := c.id()
	if refusal.IsError() {
		return refusal
	}
	proto := c.session.proto
	if len(args) > 1 {
		n, ok := decimal(args[1])
		if !ok {
			return reply.Err("ERR Protocol version is not an integer or out of range")
		}
		if n < 2 || n > 3 {
			return errNoProto
		}
		proto = int(n)
		if refusal := c.helloOptions(args[2:]); refusal.IsError() {
			return refusal
		}
	}
	if c.mustAuthenticate() {
		return errHelloAuth
	}
	c.session.proto = proto
	c.shown.proto.Store(int32(proto))
	return c.greeting(id)
}

// helloOptions applies the options AUTH and SETNAME of HELLO.
func (c *client) helloOptions(options [][]byte) reply.Value {
	for i := 0; i < len(options); i++ {
		more := len(options) - 1 - i
		switch {
		case is(options[i], "AUTH") && more >= 2:
			if !c.authenticate(options[i+1], options[i+2]) {
				return errWrongPass
			}
			i += 2
		case is(options[i], "SETNAME") && more >= 1:
			if refusal := c.setName(options[i+1]); refusal.IsError() {
				return refusal
			}
			i++
		default:
			return reply.Err("ERR Syntax error in HELLO option '" + string(options[i]) + "'")
		}
	}
	return reply.OK
}

// greeting builds the reply to HELLO.
func (c *client) greeting(id uint64) reply.Value {
	g := &c.server.options.Greeting
	return reply.MapOf(
		reply.Text("server"), reply.Text(g.Server),
		reply.Text("version"), reply.Text(g.Version),
		reply.Text("proto"), reply.Int(int64(c.session.proto)),
		reply.Text("id"), reply.Int(int64(id)),
		reply.Text("mode"), reply.Text(g.Mode),
		reply.Text("role"), reply.Text(g.Role()),
		reply.Text("modules"), reply.List(),
	)
}

// is reports whether an argument equals an option's name, regardless of case.
func is(arg []byte, name string) bool {
	return len(arg) == len(name) && bytes.EqualFold(arg, []byte(name))
}
